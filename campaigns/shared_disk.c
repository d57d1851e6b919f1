/* Makes a folder look like one on a network's disk: preloaded, it stands before the C library.
 *
 * SHARED_ROOT is the folder, without a slash at its end. Locks of files below it fail with errno SHARED_ERROR, as where
 * no service keeps them; -1: they are had by all who ask, as where each machine has its own; 0: they work. Calls on paths
 * below it take SHARED_MICROSECONDS more. What lies elsewhere is not touched.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root;
static size_t length;
static int error;
static unsigned delay;

__attribute__((constructor)) static void read_settings(void) {
  root = getenv("SHARED_ROOT");
  if (!root) return;
  length = strlen(root);
  error = atoi(getenv("SHARED_ERROR"));
  delay = (unsigned)atoi(getenv("SHARED_MICROSECONDS"));
}

static int is_below(const char *path) {
  return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Takes a while for a path below the folder; relative ones are of the workspace, which lies elsewhere. */
static void pause_for(const char *path) {
  int kept = errno;
  if (root && path && path[0] == '/' && is_below(path)) usleep(delay);
  errno = kept;
}

/* Says whether a file that is open lies below the folder, whose locks do not work. */
static int has_no_locks(int file) {
  char link[64], path[PATH_MAX + 1];
  if (!root || !error) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, PATH_MAX);
  if (size <= 0) return 0;
  path[size] = 0;
  return is_below(path);
}

static int answer(void) {
  if (error < 0) return 0;
  errno = error;
  return -1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

int flock(int file, int operation) {
  REAL(int, flock, int, int);
  return has_no_locks(file) ? answer() : real(file, operation);
}

#define CONTROLS(name) \
  int name(int file, int command, ...) { \
    REAL(int, name, int, int, ...); \
    va_list rest; va_start(rest, command); \
    void *given = va_arg(rest, void *); \
    va_end(rest); \
    int locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW; \
    return locks && has_no_locks(file) ? answer() : real(file, command, given); \
  }
CONTROLS(fcntl)
CONTROLS(fcntl64)

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    pause_for(path); \
    return real(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

#define LIST(...) __VA_ARGS__
#define ON_PATH(name, path, given, passed) \
  int name given { REAL(int, name, LIST given); pause_for(path); return real passed; }
ON_PATH(stat, path, (const char *path, struct stat *facts), (path, facts))
ON_PATH(stat64, path, (const char *path, struct stat64 *facts), (path, facts))
ON_PATH(lstat, path, (const char *path, struct stat *facts), (path, facts))
ON_PATH(lstat64, path, (const char *path, struct stat64 *facts), (path, facts))
ON_PATH(access, path, (const char *path, int mode), (path, mode))
ON_PATH(mkdir, path, (const char *path, mode_t mode), (path, mode))
ON_PATH(rename, to, (const char *from, const char *to), (from, to))
ON_PATH(link, to, (const char *from, const char *to), (from, to))
ON_PATH(symlink, to, (const char *from, const char *to), (from, to))
ON_PATH(unlink, path, (const char *path), (path))
ON_PATH(rmdir, path, (const char *path), (path))
ON_PATH(chmod, path, (const char *path, mode_t mode), (path, mode))

DIR *opendir(const char *path) {
  REAL(DIR *, opendir, const char *);
  pause_for(path);
  return real(path);
}
