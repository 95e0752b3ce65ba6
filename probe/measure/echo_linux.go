package measure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// localTimeout is how long an answer over loopback may take.
const localTimeout = 2 * time.Second

// silentTimeout is how long is waited for answers that come on no host: those over loopback to a socket that is bound to another device.
const silentTimeout = 250 * time.Millisecond

// echo is the handshake with a reflector: it sends back what it gets.
func echo(_ context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error) {
	token := []byte("sallyport probe")
	if err := f.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := f.Write(token); err != nil {
		return nil, err
	}
	back := make([]byte, len(token))
	var err error
	if a.Protocol == attempt.UDP {
		_, err = f.Read(back)
	} else {
		_, err = io.ReadFull(f, back)
	}
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(back, token):
		return nil, errors.New("something else than the reflector answered")
	}
	return &probe.Answer{Service: "reflector"}, nil
}
