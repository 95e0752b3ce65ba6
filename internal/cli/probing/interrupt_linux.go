package probing

import (
	"context"
	"io"
)

// interruptible is a reader whose reads end with ctx, also where what it reads from does not: a terminal, or a pipe that nobody writes to.
type interruptible struct {
	ctx context.Context
	io.Reader
}

type readEnd struct {
	n   int
	err error
}

// Read leaves the goroutine of an interrupted read behind, with a buffer of its own, until that ends, or the process does.
func (r interruptible) Read(b []byte) (int, error) {
	own, end := make([]byte, len(b)), make(chan readEnd, 1)
	go func() {
		n, err := r.Reader.Read(own)
		end <- readEnd{n, err}
	}()
	select {
	case e := <-end:
		return copy(b, own[:e.n]), e.err
	case <-r.ctx.Done():
		return 0, io.EOF
	}
}
