//go:build !linux

package diagnose

import (
	"context"

	"github.com/sallyport/sallyport/attempt"
)

// standpoint is only taken where programs can be run.
type standpoint struct{}

func standpointOf(*attempt.Life) *standpoint { return nil }

func (*standpoint) close() {}

func (*standpoint) look(context.Context, attempt.Result) here { return here{} }

func stands(*attempt.Life) bool { return false }
