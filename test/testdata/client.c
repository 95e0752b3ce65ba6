/* Binds to a port of its own, and says whether it could. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static __attribute__((noinline)) int dial(int port)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
		return 1;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return 2;
	close(fd);
	return 0;
}

int main(void)
{
	int failed = dial(9);
	if (failed)
		fprintf(stderr, "failed: %d\n", failed);
	return failed;
}
