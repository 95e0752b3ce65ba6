//go:build !linux

package diagnose

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

// dial is only asked for where programs can be run.
func dial(netip.AddrPort, time.Time) (io.ReadWriteCloser, error) { return nil, errors.ErrUnsupported }
