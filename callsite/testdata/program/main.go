// Program waits in a system call, in a function that is inlined and one that is not; with an argument, in a
// goroutine's.
package main

import (
	"os"
	"syscall"
)

type client struct{ buf [1]byte }

func (c *client) read() { // small enough to be inlined
	syscall.Read(0, c.buf[:]) // frame 0: main.(*client).read
}

func step(c *client) {
	c.read() // frame 1: main.step
}

//go:noinline
func deep(c *client, n int) {
	var pad [100]byte
	if n > 0 {
		deep(c, n-1) // frame 3: main.deep
	} else {
		step(c) // frame 2: main.deep
	}
	use(pad[:])
}

//go:noinline
func use([]byte) {}

type reader interface{ run(n int) }

//go:noinline
func (c client) run(n int) {
	func() {
		defer use(nil)
		deep(&c, n) // frame 4: main.client.run.func1
	}() // frame 5: main.client.run
}

func main() {
	var r reader = &client{}
	if len(os.Args) > 1 {
		done := make(chan bool)
		go func() {
			r.run(1) // goroutine 6: main.main.func1
			done <- true
		}()
		<-done
		return
	}
	r.run(1) // frame 6: main.main
}
