//go:build !linux

package diagnose

import (
	"context"

	"github.com/sallyport/sallyport/attempt"
)

// standpoint is only taken where programs can be run.
type standpoint struct{}

func elsewhere(*attempt.Life) bool { return false }

func standpointOf(*attempt.Life) *standpoint { return nil }

func (*standpoint) close() {}

func (*standpoint) look(context.Context, attempt.Result) here { return here{} }

func (*standpoint) listening(int, attempt.Result, bool) listening { return listening{} }

func (*listening) lookElsewhere(*standpoint, uint16) {}

func stands(*attempt.Life) bool { return false }
