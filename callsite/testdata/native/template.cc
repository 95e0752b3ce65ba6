// C++: names with namespaces and parameters of templates.
#include <unistd.h>

namespace example {
template <typename T> struct Client {
	T port;
	__attribute__((noinline)) int dial(const char *host)
	{
		char c = 0;
		int n = read(0, &c, 1); // frame 0: example::Client<int>::dial
		return n + host[0] + port + c;
	}
};

inline int fetch(Client<int> &client, const char *host)
{
	int n = client.dial(host); // frame 1: example::fetch
	return n + 1;
}
} // namespace example

int main(int argc, char **argv)
{
	example::Client<int> client{argc};
	int n = example::fetch(client, argv[0]); // frame 2: main
	return n;
}
