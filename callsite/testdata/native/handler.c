/* A call that the handler of a signal makes, on a stack of its own. */
#include <signal.h>
#include <unistd.h>

static volatile int *nothing;

static void handler(int number)
{
	char c;
	if (read(0, &c, 1) != number) /* frame 0: handler */
		_exit(0);
}

static __attribute__((noinline)) int fault(int n)
{
	return *nothing + n; /* frame 2: fault */
}

int main(int argc, char **argv)
{
	static char stack[1 << 16];
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	sigaltstack(&alternative, 0);
	sigaction(SIGSEGV, &action, 0);
	int n = fault(argc); /* frame 3: main */
	return n + argv[0][0];
}
