/* A layer between a program and the journal of its store that fails on demand. While the file
 * named by FAULT_SWITCH exists, its first letter says how:
 *   full (f, followed by u): writes to the journal's log find no space;
 *   fsync (f, followed by s): syncs of the journal's log fail;
 *   torn: half of a write to the journal's log gets through, then the plug is pulled. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char fault(void) {
  const char *path = getenv("FAULT_SWITCH");
  if (path == NULL || access(path, F_OK) != 0) return 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  char text[8] = {0};
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  if (length < 2) return 0;
  return text[0] == 'f' ? text[1] : text[0];
}

static int is_journal_log(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  const char *end = "journal.db-wal";
  size_t size = strlen(end);
  return (size_t)length >= size && strcmp(path + length - size, end) == 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void tear(int fd, const void *bytes, size_t count, off_t offset) {
  if (offset >= 0)
    (void)!REAL(pwrite)(fd, bytes, count / 2, offset);
  else
    (void)!REAL(write)(fd, bytes, count / 2);
  raise(SIGKILL);
}

static int refuse(int fd, const void *bytes, size_t count, off_t offset) {
  char how = is_journal_log(fd) ? fault() : 0;
  if (how == 't') tear(fd, bytes, count, offset);
  if (how != 'u') return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (refuse(fd, bytes, count, -1)) return -1;
  return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  if (refuse(fd, bytes, count, offset)) return -1;
  return REAL(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  if (refuse(fd, bytes, count, offset)) return -1;
  return REAL(pwrite64)(fd, bytes, count, offset);
}

static int refuse_sync(int fd) {
  if (!is_journal_log(fd) || fault() != 's') return 0;
  errno = EIO;
  return 1;
}

int fsync(int fd) {
  if (refuse_sync(fd)) return -1;
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  if (refuse_sync(fd)) return -1;
  return REAL(fdatasync)(fd);
}
