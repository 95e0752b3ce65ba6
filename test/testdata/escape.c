// Tries to reach 127.0.0.1 and ::1, port 7001, in every way that names an address, and says for each whether anything arrived.
// Both ends are this program's own. Under a profile that denies port 7001 nothing may arrive.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 7001
static int tcp4, tcp6, udp4, udp6;
static struct sockaddr_in a4;
static struct sockaddr_in6 a6, mapped;

static int serve(int family, int type) {
  int fd = socket(family, type, 0), one = 1;
  struct sockaddr_in6 s6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = in6addr_loopback};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, family == AF_INET ? (void *)&a4 : (void *)&s6, family == AF_INET ? sizeof a4 : sizeof s6)) perror("bind");
  if (type == SOCK_STREAM) {
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){5}, sizeof(int));
    if (listen(fd, 50)) perror("listen");
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void verdict(const char *way) {
  int e = errno;
  char b[128];
  struct pollfd p[4] = {{tcp4, POLLIN, 0}, {tcp6, POLLIN, 0}, {udp4, POLLIN, 0}, {udp6, POLLIN, 0}};
  int arrived = poll(p, 4, 30) > 0;
  for (int c; (c = accept(tcp4, NULL, NULL)) >= 0 || (c = accept(tcp6, NULL, NULL)) >= 0;) close(c);
  while (recv(udp4, b, sizeof b, 0) >= 0 || recv(udp6, b, sizeof b, 0) >= 0) {}
  printf("%s: %s (%s)\n", way, arrived ? "ARRIVED" : "nothing", e ? strerrorname_np(e) : "0");
}
#define TRY(way, ...) do { errno = 0; __VA_ARGS__; verdict(way); } while (0)

static int sock(int family, int type, int proto) { return socket(family, type, proto); }
static int named(int fd, void *to, socklen_t n, int flags) {
  struct iovec iov = {"x", 1};
  struct msghdr h = {.msg_name = to, .msg_namelen = n, .msg_iov = &iov, .msg_iovlen = 1};
  return sendmsg(fd, &h, flags);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  a4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  a6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = in6addr_loopback};
  mapped = a6;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
  struct sockaddr_in unspec = a4, wildcard = a4;
  unspec.sin_family = AF_UNSPEC;
  wildcard.sin_addr.s_addr = 0;
  tcp4 = serve(AF_INET, SOCK_STREAM), tcp6 = serve(AF_INET6, SOCK_STREAM);
  udp4 = serve(AF_INET, SOCK_DGRAM), udp6 = serve(AF_INET6, SOCK_DGRAM);
  int fd, sp[2];

  TRY("connect", connect(sock(AF_INET, SOCK_STREAM, 0), (void *)&a4, sizeof a4));
  TRY("connect, nonblocking", connect(sock(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (void *)&a4, sizeof a4));
  TRY("connect, IPv6", connect(sock(AF_INET6, SOCK_STREAM, 0), (void *)&a6, sizeof a6));
  TRY("connect, v4-mapped", connect(sock(AF_INET6, SOCK_STREAM, 0), (void *)&mapped, sizeof mapped));
  TRY("connect, to the wildcard", connect(sock(AF_INET, SOCK_STREAM, 0), (void *)&wildcard, sizeof wildcard));
  TRY("connect, long address", char b[128] = {0}; memcpy(b, &a4, sizeof a4);
      connect(sock(AF_INET, SOCK_STREAM, 0), (void *)b, sizeof b));
  TRY("connect, mptcp", connect(sock(AF_INET, SOCK_STREAM, 262), (void *)&a4, sizeof a4));
  TRY("connect, sctp", connect(sock(AF_INET, SOCK_STREAM, 132), (void *)&a4, sizeof a4));
  TRY("fast open, sendto", sendto(sock(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&a4, sizeof a4));
  TRY("fast open, sendmsg", named(sock(AF_INET, SOCK_STREAM, 0), &a4, sizeof a4, MSG_FASTOPEN | MSG_NOSIGNAL));
  TRY("fast open, connect", fd = sock(AF_INET, SOCK_STREAM, 0);
      setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){1}, sizeof(int));
      connect(fd, (void *)&a4, sizeof a4); send(fd, "x", 1, MSG_NOSIGNAL));
  TRY("udp connect and send", fd = sock(AF_INET, SOCK_DGRAM, 0); connect(fd, (void *)&a4, sizeof a4); send(fd, "x", 1, 0));
  TRY("udp connect and write, v4-mapped", fd = sock(AF_INET6, SOCK_DGRAM, 0);
      connect(fd, (void *)&mapped, sizeof mapped); if (write(fd, "x", 1) < 0) {});
  TRY("udp connect, AF_INET to an AF_INET6 socket", fd = sock(AF_INET6, SOCK_DGRAM, 0);
      connect(fd, (void *)&a4, sizeof a4); send(fd, "x", 1, 0));
  TRY("udp connect elsewhere, then here", struct sockaddr_in e = a4; e.sin_port = htons(7002); fd = sock(AF_INET, SOCK_DGRAM, 0);
      connect(fd, (void *)&e, sizeof e); connect(fd, (void *)&a4, sizeof a4); send(fd, "x", 1, 0));
  TRY("sendto", sendto(sock(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&a4, sizeof a4));
  TRY("sendto, AF_UNSPEC", sendto(sock(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&unspec, sizeof unspec));
  TRY("sendto, IPv6", sendto(sock(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (void *)&a6, sizeof a6));
  TRY("sendto, v4-mapped", sendto(sock(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (void *)&mapped, sizeof mapped));
  TRY("sendto, AF_INET on an AF_INET6 socket", sendto(sock(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (void *)&a4, sizeof a4));
  TRY("sendto, to the wildcard", sendto(sock(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&wildcard, sizeof wildcard));
  TRY("sendmsg", named(sock(AF_INET, SOCK_DGRAM, 0), &a4, sizeof a4, 0));
  TRY("sendmsg, AF_UNSPEC", named(sock(AF_INET, SOCK_DGRAM, 0), &unspec, sizeof unspec, 0));
  TRY("sendmmsg, the second", struct iovec iov = {"x", 1}; struct sockaddr_in e = a4; e.sin_port = htons(7002);
      struct mmsghdr m[2] = {{{&e, sizeof e, &iov, 1, NULL, 0, 0}, 0}, {{&a4, sizeof a4, &iov, 1, NULL, 0, 0}, 0}};
      sendmmsg(sock(AF_INET, SOCK_DGRAM, 0), m, 2, 0));
  TRY("raw", struct { struct iphdr ip; struct udphdr u; char x; } __attribute__((packed)) p = {
          .ip = {.version = 4, .ihl = 5, .ttl = 9, .protocol = 17, .saddr = a4.sin_addr.s_addr, .daddr = a4.sin_addr.s_addr},
          .u = {.source = htons(9), .dest = htons(PORT), .len = htons(9)}};
      fd = sock(AF_INET, SOCK_RAW, IPPROTO_RAW); sendto(fd, &p, sizeof p, 0, (void *)&a4, sizeof a4));
  TRY("packet", sock(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)));
  TRY("vsock", sock(AF_VSOCK, SOCK_STREAM, 0));
  TRY("in a child", if (!fork()) _exit(connect(sock(AF_INET, SOCK_STREAM, 0), (void *)&a4, sizeof a4)); wait(NULL));
  TRY("passed to a child", fd = sock(AF_INET, SOCK_STREAM, 0);
      if (!fork()) _exit(connect(fd, (void *)&a4, sizeof a4)); wait(NULL));
  TRY("passed by a socket", socketpair(AF_UNIX, SOCK_DGRAM, 0, sp); fd = sock(AF_INET, SOCK_STREAM, 0);
      union { char b[CMSG_SPACE(sizeof(int))]; struct cmsghdr h; } c = {0}; char x; struct iovec iov = {&x, 1};
      struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
      c.h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}; memcpy(CMSG_DATA(&c.h), &fd, sizeof fd);
      sendmsg(sp[0], &h, 0); h.msg_controllen = sizeof c; recvmsg(sp[1], &h, 0); int got; memcpy(&got, CMSG_DATA(&c.h), sizeof got);
      connect(got, (void *)&a4, sizeof a4));
  TRY("source route option", unsigned char o[12] = {131, 7, 4, 127, 0, 0, 1};
      fd = sock(AF_INET, SOCK_DGRAM, 0); if (setsockopt(fd, IPPROTO_IP, IP_OPTIONS, o, 8)) perror("options");
      a4.sin_addr.s_addr = htonl(0x7f000002); sendto(fd, "x", 1, 0, (void *)&a4, sizeof a4);
      a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK));
  TRY("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
  TRY("dissolve and reconnect", struct sockaddr u = {.sa_family = AF_UNSPEC}; fd = sock(AF_INET, SOCK_DGRAM, 0);
      struct sockaddr_in e = a4; e.sin_port = htons(7002); connect(fd, (void *)&e, sizeof e);
      connect(fd, &u, sizeof u); sendto(fd, "x", 1, 0, (void *)&a4, sizeof a4));
  return 0;
}
