#pragma once
// Functions that do nothing but mark a place for emulators and debuggers. The first two frame an inference: what is
// timed lies between the return of the first and the call of the second. The third is called over and over while the
// firmware waits for the host, and is where the virtual board stops when the host has nothing more to say.

extern "C" {
void mote_infer_begin();
void mote_infer_end();
void mote_idle();
}
