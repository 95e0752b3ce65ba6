/* A stack that is full of what earlier calls have left, below a frame whose size no table tells. */
#include <alloca.h>
#include <string.h>
#include <unistd.h>

static __attribute__((noinline)) int dial(int size)
{
	char *room = alloca(size);
	if (size < 100) {
		room[0] = size;
		return room[0];
	}
	int n = read(0, room, 1); /* frame 0: dial */
	return n + room[1];
}

static __attribute__((noinline)) int earlier(int depth)
{
	char room[64];
	memset(room, depth, sizeof room);
	return depth == 0 ? dial(8) + room[1] : earlier(depth - 1) + room[depth % 64];
}

int main(int argc, char **argv)
{
	int n = earlier(20 + argc);
	n += dial(3000 + argc); /* frame 1: main */
	return n + argv[0][0];
}
