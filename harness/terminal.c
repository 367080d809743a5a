/* Asking the terminal. */
#include "harness/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(FILE *to) {
    struct winsize size;
    return isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
