/* A thread's stack. */
#include <pthread.h>
#include <unistd.h>

static __attribute__((noinline)) void *work(void *where)
{
	long n = read(0, where, 1); /* frame 0: work */
	return (char *)where + n;
}

int main(void)
{
	char c;
	pthread_t thread;
	pthread_create(&thread, 0, work, &c);
	pthread_join(thread, 0);
	return c;
}
