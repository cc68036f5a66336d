/* Turns requests into shims, and looks after shims that were killed. Returns the exit status. */
#ifndef LAUNCHER_H
#define LAUNCHER_H

int launcher_main(void);

#endif
