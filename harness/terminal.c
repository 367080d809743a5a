/* Asking the terminal. */
#include "harness/terminal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(FILE *to) {
    struct winsize size;
    return isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool terminal_lost_reader(FILE *to) {
    struct pollfd out = {.fd = fileno(to), .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

Err terminal_flush(FILE *to, const char *what) {
    if (fflush(to) == 0 && !ferror(to)) return ERR_OK;
    const int cause = errno != 0 ? errno : EIO;
    if (cause == EPIPE || terminal_lost_reader(to)) return ERR_OK;
    return err_set(ERR_IO, "cannot write %s: %s", what, strerror(cause));
}
