// The <string.h> that a bare compiler without a C library lacks: what firmware has of it (boards/memory.cpp).
#pragma once

#ifdef __cplusplus
extern "C" {
#endif
void* memcpy(void* to, const void* from, __SIZE_TYPE__ count);
void* memmove(void* to, const void* from, __SIZE_TYPE__ count);
void* memset(void* to, int value, __SIZE_TYPE__ count);
int memcmp(const void* left, const void* right, __SIZE_TYPE__ count);
#ifdef __cplusplus
}
#endif
