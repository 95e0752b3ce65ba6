//go:build !linux

package callsite

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// Reader keeps what is expensive to learn about executables; here it has nothing to keep.
type Reader struct{}

// Stack is not supported on this system.
func (*Reader) Stack(int) ([]attempt.Frame, error) {
	return nil, fmt.Errorf("%w: not supported on this system, only on Linux", ErrUnknown)
}
