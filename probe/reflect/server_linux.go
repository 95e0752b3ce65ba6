package reflect

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Config is what a reflector is to do.
type Config struct {
	Token    *Token
	Listen   []netip.AddrPort // an unspecified address is all of its family
	AllPorts []netip.Addr     // of which every port that nothing else has is answered; they have to be this host's
	Except   []Ports          // of AllPorts: left alone
	Limits   Limits
	Log      func(*Seen) // told of each request that proved the token, by several goroutines; nil: nobody
}

// Ports is a range, both ends included.
type Ports struct{ First, Last uint16 }

// Stats are what a reflector did.
type Stats struct {
	Connections int64 // that were accepted
	TCP, UDP    int64 // requests answered
	Unproven    int64 // connections and datagrams that did not prove the token
	Replayed    int64 // proofs that had come before
	Stale       int64 // proofs whose time was too far off
	TooMany     int64 // datagrams over the limit of their source
	TooShort    int64 // datagrams that were shorter than their answer
	Evicted     int64 // connections that made room for others
	Refused     int64 // connections for which there was no room
}

// Server is a reflector that listens.
type Server struct {
	token       *Token
	certificate *tls.Certificate
	proofs      *proofs
	pace        *pace
	places      *places
	log         func(*Seen)

	listeners []*net.TCPListener
	packets   []*packets
	rules     *rules // nil without AllPorts

	mu    sync.Mutex
	stats Stats
}

// Listen opens all sockets, and sets up what AllPorts needs. Serve, or Close, takes it down.
func Listen(c Config) (*Server, error) {
	limits := c.Limits.withDefaults()
	limits.Connections = min(limits.Connections, descriptors())
	s := &Server{
		token: c.Token, log: c.Log,
		proofs: newProofs(maxProofs), pace: newPace(limits.Datagrams), places: newPlaces(limits.Connections, limits.PerSource),
	}
	var err error
	if s.certificate, err = newCertificate(); err != nil {
		return nil, err
	}
	for _, a := range c.Listen {
		if err = s.listen(a); err != nil {
			s.Close()
			return nil, err
		}
	}
	if len(c.AllPorts) > 0 {
		if err = s.listenAll(c.AllPorts, c.Except); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// spareDescriptors are for what is no connection: the sockets that listen, and those that answer datagrams.
const spareDescriptors = 32

// descriptors is for how many connections this process may have descriptors: once they were used up, nobody could make room for anybody.
func descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return max(1, int(limit.Cur)-spareDescriptors)
}

// Addresses are where it listens, without those of AllPorts.
func (s *Server) Addresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, p := range s.packets {
		if !p.all {
			list = append(list, p.bound)
		}
	}
	return list
}

// Close takes down what Listen set up.
func (s *Server) Close() {
	if s.rules != nil { // first, so that nothing is sent to sockets that are gone
		s.rules.close()
	}
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for _, p := range s.packets {
		_ = p.sock.Close()
	}
}

// stopTime is how long requests that proved the token may take once the reflector is to stop.
const stopTime = 2 * time.Second

// Serve answers until ctx is done. Then it takes no more, lets those that proved the token end, for stopTime at most, and returns when nothing of it
// runs any more.
func (s *Server) Serve(ctx context.Context) Stats {
	var accepts, serves, conns sync.WaitGroup
	for _, l := range s.listeners {
		accepts.Go(func() { s.accept(ctx, l, &conns) })
	}
	for _, p := range s.packets {
		serves.Go(p.serve)
	}
	<-ctx.Done()
	s.Close()
	accepts.Wait()
	serves.Wait()
	for _, p := range s.places.unproven() {
		p.end()
	}
	late := time.AfterFunc(stopTime, s.places.endAll)
	conns.Wait()
	late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Evicted, s.stats.Refused = s.places.evicted, s.places.refused
	return s.stats
}

// restTime is how long nothing is accepted after that failed, as without descriptors or memory.
const restTime = 50 * time.Millisecond

func (s *Server) accept(ctx context.Context, l *net.TCPListener, conns *sync.WaitGroup) {
	for {
		sock, err := l.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			select {
			case <-ctx.Done():
			case <-time.After(restTime):
			}
			continue
		}
		peer, local := addrPortOf(sock.RemoteAddr()), addrPortOf(sock.LocalAddr())
		s.count(func(t *Stats) { t.Connections++ })
		place := s.places.take(sourceOf(peer.Addr()), func() { _ = sock.Close() })
		if place == nil {
			_ = sock.SetLinger(0)
			_ = sock.Close()
			continue
		}
		c := &conn{s: s, place: place, sock: sock, peer: peer, local: local}
		conns.Go(func() {
			c.serve()
			if !c.proven {
				s.count(func(t *Stats) { t.Unproven++ })
			}
		})
	}
}

func addrPortOf(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// admit decides about a proof. It is not ok for one that the token did not make, or that came before.
func (s *Server) admit(text []byte) (Proof, fate, bool) {
	p, ok := s.token.Check(text)
	if !ok {
		return p, fresh, false
	}
	f := s.proofs.take(&p, time.Now())
	switch f {
	case replayed:
		s.count(func(t *Stats) { t.Replayed++ })
		return p, f, false
	case stale:
		s.count(func(t *Stats) { t.Stale++ })
	}
	return p, f, true
}

// bytes compares what came with a proof with what its sender sent; nil where that was nothing.
func (s *Server) bytes(p *Proof, came []byte) *SeenBytes {
	if p.Length == 0 {
		return nil
	}
	return &SeenBytes{Came: len(came), Differ: Differ(s.token.Body(p, Out, p.Length), came)}
}

// note counts an answer, and tells of it.
func (s *Server) note(seen *Seen) {
	s.count(func(t *Stats) {
		if seen.Protocol == "udp" {
			t.UDP++
		} else {
			t.TCP++
		}
	})
	if s.log != nil {
		s.log(seen)
	}
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	f(&s.stats)
	s.mu.Unlock()
}
