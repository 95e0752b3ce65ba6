/* A C program that waits in a call. Comments tell its frames, innermost first, however it was compiled. */
#include <string.h>
#include <unistd.h>

static __attribute__((noinline)) int dial(const char *host, int port)
{
	char request[300];
	memset(request, port, sizeof request);
	int answer = read(0, request, 1); /* frame 0: dial */
	return answer + request[port % 300] + host[0];
}

static inline int fetch(int n)
{
	return dial("host", n) + 1; /* frame 1: fetch */
}

int main(int argc, char **argv)
{
	int n = fetch(argc); /* frame 2: main */
	return n + argv[0][0];
}
