/* Starting processes, their environment, and the pipe between. */
#include "harness/run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/run/folder.h"
#include "kernels/mem.h"

enum { MESSAGE_MAGIC = 0x72664d31, MAX_ARGS = 96, EXIT_NO_START = 69, EXIT_ORPHAN = 75 };

#define SELF "/proc/self/exe"

/* ---- environment ---- */

/* What could change how a library computes or allocates: none of it reaches a cell. */
static bool is_cleared(const char *variable) {
    static const char *const prefixes[] = {"OMP_",    "GOMP_",     "KMP_",       "DNNL_",          "ONEDNN_",
                                           "MKL_",    "OPENBLAS_", "MALLOC_",    "GLIBC_TUNABLES", "CUDNN_",
                                           "CUBLAS_", "HDF5_",     "NVIDIA_TF32"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

static char one_thread[] = "OMP_NUM_THREADS=1";

extern char **environ;

/* The environment of a process that computes. *out is freed by mem_free; its strings are borrowed. */
static Err clean_environment(char ***out) {
    size_t n = 0, kept = 0;
    while (environ != NULL && environ[n] != NULL) n++;
    Err err = mem_alloc(out, n + 2, sizeof **out);
    if (err != ERR_OK) return err;
    for (size_t i = 0; i < n; i++)
        if (!is_cleared(environ[i])) (*out)[kept++] = environ[i];
    (*out)[kept] = one_thread;
    return ERR_OK;
}

static bool environment_is_clean(void) {
    bool has_one = false;
    for (char **v = environ; v != NULL && *v != NULL; v++) {
        bool one = strcmp(*v, one_thread) == 0;
        if (is_cleared(*v) && !one) return false;
        has_one = has_one || one;
    }
    return has_one;
}

/* argv as the system kept it. */
static Err own_arguments(char **block, char ***argv) {
    Err err = ERR_OK;
    size_t n = 0, n_args = 0, i = 0;
    *argv = NULL;
    FILE *file = fopen("/proc/self/cmdline", "rb");
    *block = NULL;
    FAIL_IF(file == NULL, ERR_IO, "cannot read /proc/self/cmdline: %s", strerror(errno));
    for (size_t room = 4096, got = 1; got > 0; n += got) {
        if (n + 1024 > room || *block == NULL) {
            TRY(mem_grow(block, *block == NULL ? 0 : room, room * 2, 1));
            room *= 2;
        }
        got = fread(*block + n, 1, room - n - 1, file);
    }
    for (size_t k = 0; k < n; k++) n_args += (*block)[k] == '\0';
    TRY(mem_alloc(argv, n_args + 1, sizeof **argv));
    for (size_t at = 0; i < n_args; at += strlen(*block + at) + 1) (*argv)[i++] = *block + at;
done:
    if (file != NULL) (void)fclose(file);
    return err;
}

Err child_clean_self(void) {
    Err err = ERR_OK;
    char **env = NULL, **argv = NULL, *block = NULL;
    if (environment_is_clean()) return ERR_OK;
    TRY(clean_environment(&env));
    TRY(own_arguments(&block, &argv));
    (void)fflush(NULL);
    (void)execve(SELF, argv, env);
    err = err_set(ERR_DEVICE, "cannot start %s anew: %s", SELF, strerror(errno));
done:
    mem_free(env);
    mem_free(argv);
    mem_free(block);
    return err;
}

/* ---- starting ---- */

typedef struct Arguments {
    char *item[MAX_ARGS + 1]; /* owned */
    int n;
    Err err;
} Arguments;

static void arg(Arguments *a, const char *fmt, const char *value) {
    char *text = NULL;
    if (a->err != ERR_OK) return;
    ASSERT(a->n < MAX_ARGS);
    a->err = mem_printf(&text, fmt, value);
    if (a->err == ERR_OK) a->item[a->n++] = text;
}

static void arguments_of(Arguments *a, const ChildSpec *spec) {
    char number[32];
    *a = (Arguments){.n = 0};
    arg(a, "%s", "refocus");
    arg(a, "%s", "cell");
    arg(a, "%s", spec->folder);
    arg(a, "--name=%s", spec->cell->name);
    arg(a, "--variant=%s", spec->cell->variant);
    arg(a, "--id=%s", spec->cell->id);
    (void)snprintf(number, sizeof number, "%" PRId64, spec->cell->seed);
    arg(a, "--seed=%s", number);
    (void)snprintf(number, sizeof number, "%d", spec->n_threads);
    arg(a, "--threads=%s", number);
    arg(a, "--device=%s", spec->device);
    if (spec->revalidate) arg(a, "%s", "--revalidate");
    if (spec->against != NULL) {
        (void)snprintf(number, sizeof number, "%" PRId64, spec->verify_steps);
        arg(a, "--against=%s", spec->against);
        arg(a, "--verify-steps=%s", number);
    }
    for (size_t i = 0; i < spec->cell->n_axes && a->n < MAX_ARGS; i++) {
        char axis[512];
        (void)snprintf(axis, sizeof axis, "%s=%s", spec->cell->axes[i].key, spec->cell->axes[i].shown);
        arg(a, "--axis=%s", axis);
    }
}

static void arguments_clear(Arguments *a) {
    for (int i = 0; i < a->n; i++) mem_free(a->item[i]);
}

/* Between fork and exec only calls that are safe there. A cell ends with its parent, cleanly: it gets SIGTERM. */
static void become_cell(pid_t parent, int pipe_end, int log, char *const *argv, char *const *env) {
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(EXIT_ORPHAN);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(EXIT_NO_START);
    if (pipe_end == CHILD_PIPE) {
        if (fcntl(pipe_end, F_SETFD, 0) != 0) _exit(EXIT_NO_START);
    } else if (dup2(pipe_end, CHILD_PIPE) < 0) {
        _exit(EXIT_NO_START);
    }
    (void)execve(SELF, argv, env);
    static const char message[] = "refocus: cannot start the cell's process\n";
    (void)!write(2, message, sizeof message - 1);
    _exit(EXIT_NO_START);
}

static Err write_settings(const ChildSpec *spec) {
    char *text = NULL;
    Err err = settings_dump(spec->cell->settings, &text);
    if (err == ERR_OK) err = folder_write(spec->folder, FOLDER_SETTINGS, text, strlen(text));
    mem_free(text);
    return err;
}

Err child_start(Child *out, const ChildSpec *spec) {
    Err err = ERR_OK;
    Arguments args;
    char **env = NULL, *log_path = NULL;
    int ends[2] = {-1, -1}, log = -1;
    *out = (Child){.pipe = -1};
    arguments_of(&args, spec);
    TRY(args.err);
    TRY(folder_ensure(spec->folder));
    TRY(write_settings(spec));
    TRY(clean_environment(&env));
    TRY(folder_path(&log_path, spec->folder, FOLDER_LOG));
    log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    FAIL_IF(log < 0, ERR_CREATE, "cannot create %s: %s", log_path, strerror(errno));
    FAIL_IF(pipe2(ends, O_CLOEXEC) != 0, ERR_DEVICE, "cannot make a pipe: %s", strerror(errno));
    (void)fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    FAIL_IF(pid < 0, ERR_DEVICE, "cannot start a process: %s", strerror(errno));
    if (pid == 0) become_cell(parent, ends[1], log, args.item, env);
    *out = (Child){.pid = pid, .pipe = ends[0]};
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ends[0] = -1;
done:
    if (ends[0] >= 0) (void)close(ends[0]);
    if (ends[1] >= 0) (void)close(ends[1]);
    if (log >= 0) (void)close(log);
    arguments_clear(&args);
    mem_free(log_path);
    mem_free(env);
    return err;
}

/* ---- the parent's side ---- */

ChildRead child_read(Child *child) {
    char *to = (char *)&child->message;
    if (child->n_read == sizeof child->message) child->n_read = 0;
    while (child->n_read < sizeof child->message) {
        ssize_t got = read(child->pipe, to + child->n_read, sizeof child->message - child->n_read);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return CHILD_NOTHING;
        if (got <= 0) return CHILD_GONE;
        child->n_read += (size_t)got;
    }
    if (child->message.magic != MESSAGE_MAGIC) return CHILD_GONE; /* something else writes there: no cell of ours */
    child->message.text[CHILD_TEXT - 1] = '\0';
    return CHILD_MESSAGE;
}

void child_wait(Child *child, int *code, int *signal_number) {
    int status = 0;
    *code = -1;
    *signal_number = 0;
    while (child->pid > 0 && waitpid(child->pid, &status, 0) < 0)
        if (errno != EINTR) break;
    if (WIFEXITED(status)) *code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) *signal_number = WTERMSIG(status);
    if (child->pipe >= 0) (void)close(child->pipe);
    *child = (Child){.pipe = -1};
}

void child_signal(const Child *child, int signal_number) {
    if (child->pid > 0) (void)kill(child->pid, signal_number);
}

/* ---- the child's side ---- */

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

/* A terminal sends Ctrl-C to every process: the cell waits for what its parent makes of it. */
void child_begin(const volatile sig_atomic_t **stop) {
    struct sigaction action = {.sa_handler = ask_to_stop};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)fesetenv(FE_DFL_ENV);
    *stop = &stop_asked;
    (void)fcntl(CHILD_PIPE, F_SETFD, FD_CLOEXEC);
}

void child_tell(const ChildMessage *message) {
    ChildMessage whole = *message;
    whole.magic = MESSAGE_MAGIC;
    while (write(CHILD_PIPE, &whole, sizeof whole) < 0 && errno == EINTR) continue;
}
