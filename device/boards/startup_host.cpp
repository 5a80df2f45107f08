// The bench firmware as a program of the machine that mote runs on: the protocol over its standard streams.

extern "C" [[noreturn]] void mote_main();

int main() { mote_main(); }
