/*
 * enter NAME COMMAND...: runs a command on a host of the lab, in all its namespaces.
 *
 * What nsenter does, but static (under emulation, loading nsenter's shared libraries takes longer
 * than everything else on the way of `scripts/lab exec`), and with two habits that tests rely on:
 * the exit code of a command that a signal ended is 128 + signal, as in a shell; and a command
 * whose reader is gone (someone pressed Ctrl-C on `scripts/lab exec`) is ended, not left behind.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, EXIT_NOT_STARTED = 126, EXIT_NOT_FOUND = 127 };

static const char *const namespaces[] = {"ipc", "uts", "net", "pid", "mnt"};
enum { NAMESPACES = sizeof namespaces / sizeof *namespaces };

static void die(const char *what, const char *object)
{
    fprintf(stderr, "scripts/lab: %s %s: %s\n", what, object, strerror(errno));
    exit(EXIT_NOT_STARTED);
}

static void unknown_host(const char *name)
{
    fprintf(stderr, "scripts/lab: no host named '%s' in this lab; it has:", name);
    DIR *all = opendir("/run/lab");
    for (struct dirent *entry; all && (entry = readdir(all));) {
        char path[400];
        snprintf(path, sizeof path, "/run/lab/%s/pid", entry->d_name);
        if (entry->d_name[0] != '.' && !access(path, R_OK))
            fprintf(stderr, " %s", entry->d_name);
    }
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

/* The process that holds the host's namespaces, as the virtual machine numbers it. */
static int holder(const char *name)
{
    char path[400];
    int pid;
    snprintf(path, sizeof path, "/run/lab/%s/pid", name);
    FILE *file = strchr(name, '/') ? NULL : fopen(path, "re");
    if (!file)
        unknown_host(name);
    if (fscanf(file, "%d", &pid) != 1) {
        fprintf(stderr, "scripts/lab: host '%s' is not up yet\n", name);
        exit(EXIT_NOT_STARTED);
    }
    fclose(file);
    return pid;
}

static void enter_namespaces(int pid)
{
    int files[NAMESPACES];
    char path[64];
    /* All are opened before the first is entered: afterwards /proc is another. */
    for (int i = 0; i < NAMESPACES; i++) {
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, namespaces[i]);
        files[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (files[i] < 0)
            die("cannot open", path);
    }
    for (int i = 0; i < NAMESPACES; i++)
        if (setns(files[i], 0))
            die("cannot enter namespace", namespaces[i]);
    if (chdir("/root") && chdir("/"))
        die("cannot change to", "/");
}

/* Waits for the command; ends it where nobody reads its output any more. */
static int attend(pid_t child, int signals)
{
    struct pollfd watched[] = {{.fd = signals, .events = POLLIN}, {.fd = 1}, {.fd = 2}};
    int told = 0;
    for (;;) {
        /* POLLERR and POLLHUP on the outputs are reported unasked; once is enough. */
        poll(watched, told ? 1 : 3, -1);
        if (!told && ((watched[1].revents & POLLERR) || (watched[2].revents & POLLERR))) {
            kill(child, SIGTERM);
            told = 1;
        }
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == sizeof info) {
            int status;
            if (info.ssi_signo != SIGCHLD)
                kill(child, info.ssi_signo);
            else if (waitpid(child, &status, WNOHANG) == child)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: enter NAME COMMAND...\n");
        return EXIT_USAGE;
    }
    enter_namespaces(holder(argv[1]));

    sigset_t watched, before;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, &before);

    /* A process namespace is entered by children only. */
    pid_t child = fork();
    if (child < 0)
        die("cannot start", argv[2]);
    if (!child) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        execvp(argv[2], argv + 2);
        fprintf(stderr, "scripts/lab: %s: %s\n", argv[2], strerror(errno));
        _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED);
    }
    return attend(child, signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC));
}
