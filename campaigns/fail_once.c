/* Lets the N-th call that writes below a folder fail once: preloaded, it stands before the C library.
 *
 * FAIL_STATE names a file of three int64: calls so far, which one fails (0: none), and with what errno. All processes
 * that have it map it, so that calls are counted over all of them. FAIL_ROOT is the folder, without a slash at its end;
 * what lies elsewhere (libraries, pipes, terminals) is neither counted nor touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static struct { int64_t calls, failing, error; } *state;
static const char *root;
static size_t length;

__attribute__((constructor)) static void map_state(void) {
  const char *path = getenv("FAIL_STATE");
  root = getenv("FAIL_ROOT");
  if (!path || !root) return;
  length = strlen(root);
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int file = real_open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *memory = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) state = memory;
  close(file);
}

static int is_below(const char *path) {
  return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Counts a call on a path, and says whether it is the one that fails. */
static int fails(int folder, const char *path) {
  char whole[PATH_MAX * 2], link[64];
  if (!state || !path) return 0;
  if (path[0] == '/') {
    if (!is_below(path)) return 0;
  } else {
    if (folder == AT_FDCWD) {
      if (!getcwd(whole, PATH_MAX)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      ssize_t size = readlink(link, whole, PATH_MAX);
      if (size < 0) return 0;
      whole[size] = 0;
    }
    if (!is_below(whole)) return 0;
  }
  if (__atomic_add_fetch(&state->calls, 1, __ATOMIC_SEQ_CST) != state->failing) return 0;
  errno = (int)state->error;
  return 1;
}

/* As `fails`, of a file that is open. */
static int fails_open(int file) {
  char link[64], path[PATH_MAX + 1];
  if (!state) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, PATH_MAX);
  if (size <= 0) return 0;
  path[size] = 0;
  return path[0] == '/' && fails(AT_FDCWD, path);
}

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT); }

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (writes(flags) && fails(AT_FDCWD, path)) return -1; \
    return real(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    REAL(int, name, int, const char *, int, ...); \
    va_list rest; va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (writes(flags) && fails(folder, path)) return -1; \
    return real(folder, path, flags, mode); \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

/* A call on a file that is open, or on one or two paths. */
#define ON_FILE(type, name, file, given, passed) \
  type name given { REAL(type, name, LIST given); if (fails_open(file)) return -1; return real passed; }
#define ON_PATH(name, folder, path, given, passed) \
  int name given { REAL(int, name, LIST given); if (fails(folder, path)) return -1; return real passed; }
#define LIST(...) __VA_ARGS__

ON_FILE(ssize_t, write, file, (int file, const void *bytes, size_t count), (file, bytes, count))
ON_FILE(ssize_t, pwrite, file, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
ON_FILE(ssize_t, pwrite64, file, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
ON_FILE(ssize_t, writev, file, (int file, const struct iovec *parts, int count), (file, parts, count))
ON_FILE(ssize_t, sendfile, to, (int to, int from, off_t *at, size_t count), (to, from, at, count))
ON_FILE(ssize_t, sendfile64, to, (int to, int from, off64_t *at, size_t count), (to, from, at, count))
ON_FILE(ssize_t, copy_file_range, to,
        (int from, off64_t *in, int to, off64_t *out, size_t count, unsigned flags), (from, in, to, out, count, flags))
ON_FILE(int, fsync, file, (int file), (file))
ON_FILE(int, fdatasync, file, (int file), (file))
ON_FILE(int, ftruncate, file, (int file, off_t size), (file, size))
ON_FILE(int, ftruncate64, file, (int file, off64_t size), (file, size))
ON_PATH(mkdir, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, folder, path, (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH(rename, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(renameat, folder, to, (int source, const char *from, int folder, const char *to), (source, from, folder, to))
ON_PATH(renameat2, folder, to, (int source, const char *from, int folder, const char *to, unsigned flags),
        (source, from, folder, to, flags))
ON_PATH(link, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(symlink, AT_FDCWD, to, (const char *from, const char *to), (from, to))
