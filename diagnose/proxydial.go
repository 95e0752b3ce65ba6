package diagnose

import (
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/attempt"
)

// dials knows the proxies of each process that made a TCP connect. They are read while the process waits for it, since it may be gone
// later: once for each, so that a program without a proxy pays for one read of its environment.
type dials struct {
	mu sync.Mutex
	of map[*attempt.Process]*settings
}

// settings are what a process was told about proxies.
type settings struct {
	proxies []Proxy
	noProxy string
}

// maxSettings bounds the processes that are remembered.
const maxSettings = 1024

// Dials is called before process p connects by TCP, from any goroutine, and reports whether that may lead to a proxy that it was told of.
func (v *Investigation) Dials(p *attempt.Process, to netip.AddrPort) bool {
	if p == nil {
		return false
	}
	d := &v.dials
	d.mu.Lock()
	defer d.mu.Unlock()
	s, known := d.of[p]
	if !known && len(d.of) < maxSettings {
		if d.of == nil {
			d.of = make(map[*attempt.Process]*settings)
		}
		s = readSettings(p)
		d.of[p] = s
	}
	return s != nil && s.proxyAt(attempt.Attempt{Destination: to}, true) != nil
}

// readSettings reads what a process was told, by its command line first: that counts more.
func readSettings(p *attempt.Process) *settings {
	env, _ := environ(p.PID)
	f := Facts{}.of(&experiment{env: env})
	s := &settings{proxies: append(argumentProxies(p.Command, env), f.Proxies...), noProxy: f.NoProxy}
	if strings.Contains(filepath.Dir(p.Exe), "/apt") {
		s.proxies = append(s.proxies, machineProxies()...)
	}
	if len(s.proxies) == 0 {
		return nil
	}
	return s
}

// proxyAt is the proxy that an attempt leads to. Where likely, a name may be taken for that of the address.
func (s *settings) proxyAt(a attempt.Attempt, likely bool) *Proxy {
	for i := range s.proxies {
		p := &s.proxies[i]
		if p.at(a) {
			return p
		}
		host, port := p.hostAndPort()
		_, err := netip.ParseAddr(host)
		if likely && err != nil && port == portText(a.Destination) {
			return p
		}
	}
	return nil
}

// settingsOf is what the process of an attempt was told; nil where that is nothing.
func (d *dials) settingsOf(m *made) *settings {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[m.life.Process]
}

// proxyOf is the proxy that an attempt was to; nil where it was to something else, or that is not certain.
func (d *dials) proxyOf(m *made) *Proxy {
	if m.Protocol != attempt.TCP || m.Call != attempt.CallConnect || !m.Destination.IsValid() {
		return nil
	}
	s := d.settingsOf(m)
	if s == nil {
		return nil
	}
	return s.proxyAt(m.Attempt, false)
}
