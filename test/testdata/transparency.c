// Prints what socket calls do, one line a case, the same on each run. The test compares the lines of a bare run with
// those of a run under watch. Usage: transparency [CASE...]; without one, all of them.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const char *name_of(int r) { return r < 0 ? strerrorname_np(errno) : "ok"; }
static void say(const char *what, int r) { printf("  %s: %s\n", what, name_of(r)); }

static struct sockaddr_in in4(const char *ip, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}
static struct sockaddr_in6 in6(const char *ip, int port) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, ip, &a.sin6_addr);
  return a;
}
static int port_of(int fd) {
  struct sockaddr_storage s;
  socklen_t n = sizeof s;
  if (getsockname(fd, (void *)&s, &n) < 0) return -1;
  return ntohs(((struct sockaddr_in *)&s)->sin_port);
}
static void show_name(const char *what, int fd, int peer) {
  struct sockaddr_in a = {0};
  socklen_t n = sizeof a;
  char ip[64] = "";
  int r = peer ? getpeername(fd, (void *)&a, &n) : getsockname(fd, (void *)&a, &n);
  if (r < 0) { say(what, r); return; }
  inet_ntop(AF_INET, &a.sin_addr, ip, sizeof ip);
  printf("  %s: %s port %s, family %d, length %d\n", what, ip, a.sin_port ? "some" : "0", a.sin_family, n);
}
static int listener(int type, int *port, int backlog) {
  int fd = socket(AF_INET, type, 0);
  struct sockaddr_in a = in4("127.0.0.1", 0);
  bind(fd, (void *)&a, sizeof a);
  if (type == SOCK_STREAM) listen(fd, backlog);
  *port = port_of(fd);
  return fd;
}
static int connect4(int fd, int port) {
  struct sockaddr_in a = in4("127.0.0.1", port);
  return connect(fd, (void *)&a, sizeof a);
}
static int closed_port(void) {
  int port, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = in4("127.0.0.1", 0);
  bind(fd, (void *)&a, sizeof a);
  port = port_of(fd);
  close(fd);
  return port;
}
// A port that answers no SYN: its accept queue is full.
static int silent_port(void) {
  int port, fd = listener(SOCK_STREAM, &port, 0), f = socket(AF_INET, SOCK_STREAM, 0);
  (void)fd;
  connect4(f, port);
  return port;
}
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static const char *tenths(double s) { // rounded so that noise does not show
  static char b[32];
  snprintf(b, sizeof b, "%.0f quarter seconds", s * 4);
  return b;
}
static volatile sig_atomic_t hits;
static void on_signal(int s) { (void)s; hits++; }
static void handle(int sig, int flags) {
  struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(sig, &sa, NULL);
}
static void alarm_in(int first_us, int every_us) {
  struct itimerval t = {.it_value = {first_us / 1000000, first_us % 1000000}, .it_interval = {0, every_us}};
  setitimer(ITIMER_REAL, &t, NULL);
}

static void errors(void) {
  struct sockaddr_in a = in4("127.0.0.1", closed_port());
  struct sockaddr_in6 a6 = in6("::1", 9);
  int fd = socket(AF_INET, SOCK_STREAM, 0), p[2];
  if (pipe(p)) return;
  say("connect bad fd", connect(-1, (void *)&a, sizeof a));
  say("connect closed fd", connect(999, (void *)&a, sizeof a));
  say("connect pipe", connect(p[0], (void *)&a, sizeof a));
  say("connect null", connect(fd, NULL, sizeof a));
  say("connect bad address", connect(fd, (void *)8, sizeof a));
  say("connect short", connect(fd, (void *)&a, 3));
  say("connect length 0", connect(fd, (void *)&a, 0));
  say("connect length -1", connect(fd, (void *)&a, -1));
  say("connect length 4096", connect(fd, (void *)&a, 4096));
  say("connect other family", connect(fd, (void *)&a6, sizeof a6));
  say("connect refused", connect(fd, (void *)&a, sizeof a));
  say("connect refused again", connect(fd, (void *)&a, sizeof a));
  say("bind bad fd", bind(-1, (void *)&a, sizeof a));
  say("bind pipe", bind(p[0], (void *)&a, sizeof a));
  say("bind bad address", bind(fd, (void *)8, sizeof a));
  say("bind short", bind(fd, (void *)&a, 3));
  say("bind other family", bind(fd, (void *)&a6, sizeof a6));
  a = in4("192.0.2.1", 0);
  say("bind not local", bind(fd, (void *)&a, sizeof a));
  a = in4("127.0.0.1", 0);
  say("bind", bind(fd, (void *)&a, sizeof a));
  say("bind twice", bind(fd, (void *)&a, sizeof a));
  say("listen pipe", listen(p[0], 1));
  say("listen bad fd", listen(-1, 1));
  int one = 0;
  socklen_t n = sizeof one;
  say("so_error bad fd", getsockopt(-1, SOL_SOCKET, SO_ERROR, &one, &n));
  say("so_error pipe", getsockopt(p[0], SOL_SOCKET, SO_ERROR, &one, &n));
  say("so_error null", getsockopt(fd, SOL_SOCKET, SO_ERROR, NULL, &n));
  say("so_error null length", getsockopt(fd, SOL_SOCKET, SO_ERROR, &one, NULL));
  n = -1;
  say("so_error length -1", getsockopt(fd, SOL_SOCKET, SO_ERROR, &one, &n));
  n = 1;
  say("so_error length 1", getsockopt(fd, SOL_SOCKET, SO_ERROR, &one, &n));
  printf("  so_error length now %d\n", n);
  n = 64;
  char big[64];
  say("so_error length 64", getsockopt(fd, SOL_SOCKET, SO_ERROR, big, &n));
  printf("  so_error length now %d\n", n);
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  say("sendto null data", sendto(u, NULL, 5, 0, (void *)&a, sizeof a));
  say("sendto short", sendto(u, "x", 1, 0, (void *)&a, 3));
  say("sendto bad address", sendto(u, "x", 1, 0, (void *)8, sizeof a));
  static char huge[70000];
  a = in4("127.0.0.1", 9);
  say("sendto huge", sendto(u, huge, sizeof huge, 0, (void *)&a, sizeof a));
  struct msghdr h = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = (void *)8, .msg_iovlen = 1};
  say("sendmsg bad iov", sendmsg(u, &h, 0));
  say("sendmsg bad header", sendmsg(u, (void *)8, 0));
  h.msg_iovlen = 5000;
  say("sendmsg many iov", sendmsg(u, &h, 0));
  int s = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGPIPE, SIG_IGN);
  say("sendto unconnected stream", sendto(s, "x", 1, 0, (void *)&a, sizeof a));
}

static void addresses(void) {
  int port, l = listener(SOCK_STREAM, &port, 5), fd = socket(AF_INET, SOCK_STREAM, 0);
  show_name("unbound", fd, 0);
  show_name("peer unconnected", fd, 1);
  struct sockaddr_in a = in4("127.0.0.5", 0);
  say("bind", bind(fd, (void *)&a, sizeof a));
  show_name("bound", fd, 0);
  say("connect", connect4(fd, port));
  show_name("connected", fd, 0);
  show_name("peer", fd, 1);
  say("connect again", connect4(fd, port));
  struct sockaddr un = {.sa_family = AF_UNSPEC};
  say("dissolve", connect(fd, &un, sizeof un));
  show_name("dissolved", fd, 0);
  int c = accept(l, NULL, NULL);
  char b;
  say("server sees the end", read(c, &b, 1));
  struct sockaddr_in6 m = in6("::ffff:127.0.0.1", port);
  fd = socket(AF_INET6, SOCK_STREAM, 0);
  say("v4-mapped", connect(fd, (void *)&m, sizeof m));
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  a = in4("127.0.0.1", 9);
  say("udp connect", connect(u, (void *)&a, sizeof a));
  show_name("udp", u, 0);
  show_name("udp peer", u, 1);
  say("udp dissolve", connect(u, &un, sizeof un));
  show_name("udp dissolved", u, 0);
}

static void nonblocking(void) {
  int port, l = listener(SOCK_STREAM, &port, 5);
  (void)l;
  for (int refused = 0; refused < 2; refused++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), err = 0;
    socklen_t n = sizeof err;
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
    printf("  before: %d events\n", epoll_wait(ep, &ev, 1, 0));
    struct sockaddr_in a = in4("127.0.0.1", refused ? closed_port() : port);
    say("connect", connect(fd, (void *)&a, sizeof a));
    int k = epoll_wait(ep, &ev, 1, 1000);
    printf("  after: %d events, %s\n", k, ev.events & EPOLLERR ? "error" : "no error");
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
    printf("  so_error: %s, length %d\n", err ? strerrorname_np(err) : "0", n);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
    printf("  so_error again: %s\n", err ? strerrorname_np(err) : "0");
    printf("  flags: %s\n", fcntl(fd, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking");
    say("connect again", connect(fd, (void *)&a, sizeof a));
    close(fd);
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  port = silent_port();
  say("silent", connect4(fd, port));
  say("silent again", connect4(fd, port));
  struct pollfd p = {fd, POLLOUT, 0};
  printf("  poll: %d\n", poll(&p, 1, 200));
}

static void interrupts(void) {
  int port = silent_port();
  for (int restart = 0; restart < 2; restart++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    handle(SIGALRM, restart ? SA_RESTART : 0);
    hits = 0;
    if (restart) { // the second alarm has no restarting handler
      int user_timeout = 2000;
      setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
    }
    alarm_in(300000, 0);
    double t = now();
    int r = connect4(fd, port);
    printf("  %s: %s after %s, %d signals\n", restart ? "restarting" : "plain", name_of(r), tenths(now() - t), hits);
    if (!restart) {
      fcntl(fd, F_SETFL, O_NONBLOCK);
      say("and again", connect4(fd, port));
    }
    close(fd);
  }
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval tv = {0, 500000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
  double t = now();
  int r = connect4(fd, port);
  printf("  send timeout: %s after %s\n", name_of(r), tenths(now() - t));
  fd = socket(AF_INET, SOCK_STREAM, 0);
  tv.tv_sec = 3;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
  handle(SIGALRM, SA_RESTART);
  alarm_in(300000, 0);
  t = now();
  r = connect4(fd, port);
  printf("  send timeout, restarting: %s after %s\n", name_of(r), tenths(now() - t));
  // Stopped and continued.
  pid_t child = fork();
  if (!child) {
    int f = socket(AF_INET, SOCK_STREAM, 0), ms = 1500;
    setsockopt(f, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    _exit(connect4(f, port) < 0 ? errno : 0);
  }
  usleep(200000);
  kill(child, SIGSTOP);
  int st;
  waitpid(child, &st, WUNTRACED);
  printf("  stopped: %d\n", WIFSTOPPED(st));
  kill(child, SIGCONT);
  waitpid(child, &st, 0);
  printf("  continued: %s\n", strerrorname_np(WEXITSTATUS(st)));
  // Killed while it waits.
  child = fork();
  if (!child) {
    connect4(socket(AF_INET, SOCK_STREAM, 0), port);
    _exit(0);
  }
  usleep(100000);
  kill(child, SIGKILL);
  waitpid(child, &st, 0);
  printf("  killed by %d\n", WTERMSIG(st));
}

static void storm(void) { // signals at a high rate: nothing is done twice, nothing fails
  int port, l = listener(SOCK_STREAM, &port, 1000), bad = 0;
  handle(SIGALRM, SA_RESTART);
  alarm_in(200, 200);
  int peer = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in any = in4("127.0.0.1", 0);
  bind(peer, (void *)&any, sizeof any);
  struct sockaddr_in to = in4("127.0.0.1", port_of(peer));
  for (int i = 0; i < 1500; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0), err = -1;
    socklen_t n = sizeof err;
    if (bind(fd, (void *)&any, sizeof any)) printf("  bind: %s\n", name_of(-1)), bad++;
    if (connect4(fd, port)) printf("  connect: %s\n", name_of(-1)), bad++;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) || err) printf("  so_error %s %d\n", name_of(-1), err), bad++;
    if (sendto(u, &i, sizeof i, 0, (void *)&to, sizeof to) != sizeof i) printf("  sendto: %s\n", name_of(-1)), bad++;
    int got = -1;
    if (recv(peer, &got, sizeof got, 0) != sizeof got || got != i) printf("  recv %d want %d\n", got, i), bad++;
    int c = accept(l, NULL, NULL);
    close(c);
    close(fd);
    close(u);
  }
  alarm_in(0, 0);
  int got;
  printf("  bad: %d, left over: %s\n", bad, name_of(recv(peer, &got, sizeof got, MSG_DONTWAIT)));
}

static void *thread_connect(void *arg) {
  int port = *(int *)arg;
  for (int i = 0; i < 200; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect4(fd, port)) return "failed";
    close(fd);
  }
  return "ok";
}
static void threads(void) {
  int port, l = listener(SOCK_STREAM, &port, 4000);
  (void)l;
  pthread_t t[8];
  for (int i = 0; i < 8; i++) pthread_create(&t[i], NULL, thread_connect, &port);
  int ok = 0;
  for (int i = 0; i < 8; i++) {
    void *r;
    pthread_join(t[i], &r);
    ok += !strcmp(r, "ok");
  }
  printf("  threads: %d\n", ok);
}

static void sharing(void) {
  int port, l = listener(SOCK_STREAM, &port, 50), st;
  int fd = socket(AF_INET, SOCK_STREAM, 0), d = dup(fd);
  say("connect the dup", connect4(d, port));
  show_name("the original's peer", fd, 1);
  close(d);
  close(fd);
  int c = accept(l, NULL, NULL);
  char b;
  struct pollfd p = {c, POLLIN, 0};
  printf("  end seen: %d, %d\n", poll(&p, 1, 1000), (int)read(c, &b, 1));
  fd = socket(AF_INET, SOCK_STREAM, 0);
  if (!fork()) _exit(connect4(fd, port) ? errno : 0);
  wait(&st);
  printf("  child connected: %d\n", WEXITSTATUS(st));
  show_name("the parent's peer", fd, 1);
  if (!vfork()) _exit(connect4(socket(AF_INET, SOCK_STREAM, 0), port) ? errno : 0);
  wait(&st);
  printf("  vfork: %d\n", WEXITSTATUS(st));
  int sp[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, sp);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  union { char b[CMSG_SPACE(sizeof(int))]; struct cmsghdr h; } u = {0};
  struct iovec iov = {"x", 1};
  struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u};
  u.h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(&u.h), &fd, sizeof fd);
  printf("  pass: %d\n", (int)sendmsg(sp[0], &h, 0));
  char byte;
  iov.iov_base = &byte;
  h.msg_controllen = sizeof u;
  recvmsg(sp[1], &h, 0);
  int got;
  memcpy(&got, CMSG_DATA(&u.h), sizeof got);
  say("connect the passed", connect4(got, port));
  // A reused number is another socket.
  int was = fd;
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  printf("  same number: %d\n", fd == was);
  say("connect the new one", connect4(fd, closed_port()));
  // A port is free again as soon as its socket is closed.
  int bad = 0;
  struct sockaddr_in a = in4("127.0.0.1", closed_port());
  for (int i = 0; i < 300; i++) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    bad += bind(s, (void *)&a, sizeof a) != 0;
    close(s);
  }
  for (int i = 0; i < 50; i++) { // also when a connect was in progress
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bad += bind(s, (void *)&a, sizeof a) != 0;
    static int silent;
    if (!silent) silent = silent_port();
    connect4(s, silent);
    close(s);
  }
  printf("  bind again: %d failed\n", bad);
}

static void datagrams(void) {
  int port, s = listener(SOCK_DGRAM, &port, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in a = in4("127.0.0.1", port);
  char b[64] = "";
  printf("  sendto: %d\n", (int)sendto(u, "one", 3, 0, (void *)&a, sizeof a));
  printf("  got: %d\n", (int)recv(s, b, sizeof b, 0));
  struct iovec iov[2] = {{"tw", 2}, {"o", 1}};
  struct msghdr h = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = iov, .msg_iovlen = 2};
  printf("  sendmsg: %d\n", (int)sendmsg(u, &h, 0));
  printf("  got: %d %.3s\n", (int)recv(s, b, sizeof b, 0), b);
  struct mmsghdr m[3] = {{h, 0}, {h, 0}, {h, 0}};
  printf("  sendmmsg: %d", sendmmsg(u, m, 3, 0));
  printf(" lengths %d %d %d\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
  for (int i = 0; i < 3; i++) recv(s, b, sizeof b, 0);
  m[1].msg_hdr.msg_namelen = 3;
  printf("  sendmmsg with a bad one: %d\n", sendmmsg(u, m, 3, 0));
  recv(s, b, sizeof b, 0);
  m[0].msg_hdr.msg_name = NULL;
  printf("  sendmmsg unnamed: %d %s\n", sendmmsg(u, m, 1, 0), strerrorname_np(errno));
  union { char b[CMSG_SPACE(sizeof(struct in_pktinfo))]; struct cmsghdr h; } c = {0};
  struct in_pktinfo pi = {.ipi_spec_dst = in4("127.0.0.7", 0).sin_addr};
  c.h = (struct cmsghdr){CMSG_LEN(sizeof pi), IPPROTO_IP, IP_PKTINFO};
  memcpy(CMSG_DATA(&c.h), &pi, sizeof pi);
  h.msg_control = &c;
  h.msg_controllen = sizeof c;
  printf("  with source: %d", (int)sendmsg(u, &h, 0));
  struct sockaddr_in from;
  socklen_t n = sizeof from;
  recvfrom(s, b, sizeof b, 0, (void *)&from, &n);
  printf(" from %s\n", inet_ntoa(from.sin_addr));
  say("connected udp", connect4(u, closed_port()));
  printf("  send: %d\n", (int)send(u, "x", 1, 0));
  usleep(20000);
  say("send after icmp", send(u, "x", 1, 0));
  struct sockaddr_in bc = in4("255.255.255.255", 9);
  say("broadcast", sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&bc, sizeof bc));
}

static void others(void) {
  int port, l = listener(SOCK_STREAM, &port, 5);
  (void)l;
  int m = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
  if (m >= 0) say("mptcp", connect4(m, port));
  struct sockaddr_in a = in4("127.0.0.1", port);
  int f = socket(AF_INET, SOCK_STREAM, 0);
  printf("  fast open: %d\n", (int)sendto(f, "hello", 5, MSG_FASTOPEN, (void *)&a, sizeof a));
  a.sin_port = htons(closed_port());
  f = socket(AF_INET, SOCK_STREAM, 0);
  say("fast open refused", sendto(f, "hello", 5, MSG_FASTOPEN, (void *)&a, sizeof a));
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
  f = socket(AF_UNIX, SOCK_STREAM, 0);
  say("unix", connect(f, (void *)&un, sizeof un));
  struct sockaddr_un me = {.sun_family = AF_UNIX};
  memcpy(me.sun_path, "\0transparency", 13);
  int ul = socket(AF_UNIX, SOCK_STREAM, 0);
  say("unix bind", bind(ul, (void *)&me, sizeof(sa_family_t) + 13));
  say("unix listen", listen(ul, 5));
  say("unix connect", connect(f, (void *)&me, sizeof(sa_family_t) + 13));
  struct ucred cr;
  socklen_t n = sizeof cr;
  getsockopt(f, SOL_SOCKET, SO_PEERCRED, &cr, &n);
  printf("  unix peer is me: %d\n", cr.pid == getpid());
  int us = accept(ul, NULL, NULL);
  getsockopt(us, SOL_SOCKET, SO_PEERCRED, &cr, &n);
  printf("  unix client is me: %d\n", cr.pid == getpid());
  struct { unsigned short family, pad; unsigned pid, groups; } nl = {AF_NETLINK};
  say("netlink bind", bind(socket(AF_NETLINK, SOCK_RAW, 0), (void *)&nl, sizeof nl));
}

static void privileged(void) {
  if (getuid() != 0) return;
  int st;
  if (!fork()) {
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) _exit(1);
    struct sockaddr_in a = in4("127.0.0.1", 77);
    say("bind as nobody", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    a.sin_addr = in4("192.0.2.1", 0).sin_addr;
    say("bind not local as nobody", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    int port, l = listener(SOCK_STREAM, &port, 5);
    (void)l;
    say("connect as nobody", connect4(socket(AF_INET, SOCK_STREAM, 0), port));
    fflush(stdout);
    _exit(0);
  }
  wait(&st);
  if (!fork()) {
    if (unshare(CLONE_NEWUSER)) _exit(1);
    struct sockaddr_in a = in4("127.0.0.1", 77);
    say("bind in a user namespace", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    if (unshare(CLONE_NEWNET)) _exit(1);
    a = in4("0.0.0.0", 77);
    say("bind in a network namespace of its own", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    a = in4("127.0.0.1", 9);
    say("connect there", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    fflush(stdout);
    _exit(0);
  }
  wait(&st);
  struct sockaddr_in a = in4("127.0.0.1", 77);
  say("bind as root", bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
}

static const struct { const char *name; void (*run)(void); } cases[] = {
    {"errors", errors}, {"addresses", addresses}, {"nonblocking", nonblocking}, {"interrupts", interrupts},
    {"storm", storm}, {"threads", threads}, {"sharing", sharing}, {"datagrams", datagrams},
    {"others", others}, {"privileged", privileged},
};

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int wanted = argc < 2;
    for (int k = 1; k < argc; k++) wanted |= !strcmp(argv[k], cases[i].name);
    if (!wanted) continue;
    printf("%s\n", cases[i].name);
    fflush(stdout);
    cases[i].run();
    fflush(stdout);
  }
  return 0;
}
