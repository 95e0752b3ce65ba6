/* A program that uses the library. */
int library_dial(int (*hook)(char *), int port);

static __attribute__((noinline)) int fetch(char *url)
{
	int n = library_dial(0, 80); /* frame 2: fetch */
	return n + url[0];
}

int main(int argc, char **argv)
{
	int n = library_dial(fetch, -1); /* frame 4: main */
	return n + argc + argv[0][0];
}
