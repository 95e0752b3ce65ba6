package probing

import (
	"context"
	"errors"
	"flag"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/cli/shell"
	"github.com/sallyport/sallyport/internal/sound"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
)

// beyondFlags are how much is measured beyond single attempts.
type beyondFlags struct {
	path, dns string
}

// How much is looked at, each one after the other.
const (
	autoPaths = 2 // by default: a way takes 2 to 5 s
	allPaths  = 64
	autoNames = 4
	allNames  = 64
	slowName  = time.Second // a lookup that takes as long is looked at by itself
)

func (f *beyondFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.path, "path", "auto", "where silence begins, and how large packets may be. auto: for the first 2 silent hosts; all: for each port, and who refuses; none")
	fs.StringVar(&f.dns, "dns", "auto", "how names are looked up. auto: of names that fail, or take over 1 s; all: of each target's; none")
}

func (f *beyondFlags) check() error {
	return errors.Join(shell.Choice("path", f.path, "auto", "all", "none"), shell.Choice("dns", f.dns, "auto", "all", "none"))
}

// beyond is what is measured beyond single attempts, once they have ended.
type beyond struct {
	flags *beyondFlags
	clock probe.Clock

	mu    sync.Mutex // guards names: lookups run beside each other
	names []string   // to be looked at
}

func (b *beyond) add(r *probe.Result) {
	b.clock.Add(r)
	if r.Name != "" && b.flags.dns == "all" {
		b.name(r.Name, allNames)
	}
}

func (b *beyond) unresolved(name string) { b.name(name, b.mostNames()) }

func (b *beyond) looked(name string, took time.Duration) {
	if took > slowName {
		b.name(name, b.mostNames())
	}
}

func (b *beyond) mostNames() int {
	if b.flags.dns == "all" {
		return allNames
	}
	return autoNames
}

func (b *beyond) name(name string, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flags.dns != "none" && len(b.names) < most && !slices.Contains(b.names, name) {
		b.names = append(b.names, name)
	}
}

// look measures what is left to measure. Where ctx is done, it has what the attempts told.
func (b *beyond) look(ctx context.Context, m *probe.Matrix) probe.Beyond {
	found := probe.Beyond{Clock: b.clock, MTUs: b.mtus(ctx, m)}
	if b.flags.path != "none" {
		most := autoPaths
		if b.flags.path == "all" {
			most = allPaths
		}
		for _, a := range m.Silent(most, b.flags.path == "all") {
			if ctx.Err() != nil {
				break
			}
			if way, err := measure.Walk(ctx, &a, m.Alive(a.Destination.Addr(), a.Destination.Port())); err == nil && ctx.Err() == nil {
				found.Paths = append(found.Paths, way)
			}
		}
	}
	if b.flags.path == "all" {
		for _, a := range m.Refused(allPaths) {
			if ctx.Err() != nil {
				break
			}
			if r, err := measure.FindRefuser(ctx, &a, m.Alive(a.Destination.Addr(), a.Destination.Port())); err == nil && ctx.Err() == nil {
				found.Refusers = append(found.Refusers, r)
			}
		}
	}
	if len(b.names) > 0 && ctx.Err() == nil {
		found.Names = (&measure.NamesExaminer{}).Examine(ctx, b.names)
	}
	return found
}

// mtus is how large packets may be to what connected. Where asked for, or where a handshake stalled, packets are sent to find out.
func (b *beyond) mtus(ctx context.Context, m *probe.Matrix) []*probe.PathMTU {
	list, stalled := m.Connected()
	var send []*probe.PathMTU
	list = slices.DeleteFunc(list, func(x *probe.PathMTU) bool {
		hop, err := sound.NextHop(x.Addr)
		if err != nil || hop.Local {
			return true
		}
		x.Own = x.MTU
		if device, err := net.InterfaceByIndex(hop.Interface); err == nil {
			x.Own = device.MTU
		}
		if x.Peer >= x.MTU {
			x.Peer = 0
		}
		if b.flags.path == "all" || b.flags.path == "auto" && stalled[x.Addr] {
			send = append(send, x)
		}
		return false
	})
	measure.MeasureMTUs(ctx, send)
	return list
}
