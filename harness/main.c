/* The program: the standard streams put in order, one command run, the output proven written. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/exit_code.h"
#include "harness/library.h"
#include "harness/terminal.h"

/* A file opened later must not get the number of a closed standard stream and be written to by a printf. The stand-in
 * cannot be used the way the stream is, so that its use is still an error. */
static void occupy_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        int opened = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        if (opened >= 0 && opened != fd) (void)close(opened);
    }
}

/* Output that could not be written turns success into failure. */
static int close_stdout(int code) {
    bool lost_reader = terminal_lost_reader(stdout);
    bool failed_before = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !failed_before) return code;
    if (lost_reader || errno == EPIPE) return code;
    fprintf(stderr, "refocus: cannot write to stdout: %s\n", errno != 0 ? strerror(errno) : "output error");
    return code == EXIT_DONE ? EXIT_IO : code;
}

int main(int argc, char **argv) {
    /* A sweep must outlive the reader of its progress; a write to a broken pipe is an ordinary error. */
    (void)signal(SIGPIPE, SIG_IGN);
    occupy_standard_streams();
    library_start();
    return close_stdout(command_main(argc, argv));
}
