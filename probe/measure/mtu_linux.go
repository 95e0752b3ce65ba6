package measure

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
	"github.com/sallyport/sallyport/probe"
)

// The lengths of headers before a segment's data.
const (
	tcp4Headers = 20 + 20
	tcp6Headers = 40 + 20
	timestamps  = 12 // RFC 7323, with its padding
)

// segments notes how large packets to the other end may be, as far as this connection shows.
func (c *call) segments(fd int) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		return
	}
	const hasTimestamps = 1 // TCPI_OPT_TIMESTAMPS, include/uapi/linux/tcp.h
	c.MTU = int(info.Pmtu)
	c.PeerMTU = int(info.Snd_mss) + headersOf(c.Destination.Addr())
	if info.Options&hasTimestamps != 0 {
		c.PeerMTU += timestamps
	}
}

func headersOf(a netip.Addr) int {
	if a.Is6() {
		return tcp6Headers
	}
	return tcp4Headers
}

// blackHole is the error of a handshake that stalled of its segments' size.
type blackHole struct {
	probe.BlackHole
	err error // of the handshake
}

func (e *blackHole) Error() string { return e.Words() }
func (e *blackHole) Unwrap() error { return e.err }

// Sized is a handshake that is made again with small segments where it ended in silence: large ones may vanish on the way, which stalls TLS
// first, since its certificates are large.
type Sized struct {
	Greet Greet

	mu    sync.Mutex
	tried map[netip.Addr]bool
}

// maxSized is how many destinations are tried again so: a silent one costs its time twice.
const maxSized = 16

// segmentSizes are packets of usual links, smallest first: what every IPv4 host takes (RFC 1122, section 3.3.2), IPv6's least, then
// tunnels' and PPPoE's.
var segmentSizes = []int{576, 1280, 1400, 1492}

// Meet makes the handshake.
func (s *Sized) Meet(ctx context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error) {
	answer, err := s.Greet(ctx, a, f, timeout)
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || a.Protocol != attempt.TCP || a.Source.Addr.Port() != 0 || !saidMuch(a, f) || !s.take(a.Destination.Addr()) {
		return answer, err
	}
	least := segmentSizes[0]
	if a.Destination.Addr().Is6() {
		least = segmentSizes[1]
	}
	small, ok := s.again(ctx, a, least, timeout)
	if !ok {
		return answer, err
	}
	// It may have been a matter of the moment: what stalled has to stall once more. Meanwhile larger ones are tried, none more than four at a time.
	sizes := []int{0}
	for _, size := range segmentSizes {
		if size > least {
			sizes = append(sizes, size)
		}
	}
	passed := make([]bool, len(sizes))
	var wait sync.WaitGroup
	for i, size := range sizes {
		wait.Go(func() { _, passed[i] = s.again(ctx, a, size, timeout) })
	}
	wait.Wait()
	if passed[0] || ctx.Err() != nil {
		return answer, err
	}
	hole := probe.BlackHole{Passes: least}
	for i := 1; i < len(sizes); i++ {
		switch {
		case !passed[i] && hole.Vanishes == 0:
			hole.Vanishes = sizes[i]
		case passed[i] && hole.Vanishes != 0: // larger ones pass: it is not their size
			return answer, err
		case passed[i]:
			hole.Passes = sizes[i]
		}
	}
	// A server that is slow at times would have to be so each time with large segments alone.
	var usual, again bool
	wait.Go(func() { _, usual = s.again(ctx, a, 0, timeout) })
	wait.Go(func() { _, again = s.again(ctx, a, least, timeout) })
	wait.Wait()
	if usual || !again || ctx.Err() != nil {
		return answer, err
	}
	return small, &blackHole{hole, err}
}

// saidMuch reports whether the other end was to say something large: TLS was begun, or bytes had come.
func saidMuch(a *probe.Attempt, f *os.File) bool {
	if a.Target != nil && handshakes[a.Target.Service].inTLS {
		return true
	}
	came := false
	onSocket(f, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		came = err == nil && info.Bytes_received > 0
	})
	return came
}

func (s *Sized) take(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried[a] || len(s.tried) >= maxSized {
		return false
	}
	if s.tried == nil {
		s.tried = map[netip.Addr]bool{}
	}
	s.tried[a] = true
	return true
}

// again makes the attempt once more, asking the other end for segments that fit packets of a size; 0 for the usual. It reports
// whether the handshake ended otherwise than in silence.
func (s *Sized) again(ctx context.Context, a *probe.Attempt, size int, timeout time.Duration) (*probe.Answer, bool) {
	f := dialSized(ctx, a, timeout, size)
	if f == nil {
		return nil, false
	}
	defer f.Close()
	answer, err := s.Greet(ctx, a, f, timeout)
	return answer, err == nil || answer != nil && answer.Service != "" && !errors.Is(err, os.ErrDeadlineExceeded)
}

// dialSized connects with segments for packets of a size, 0 for the usual; nil where that fails.
func dialSized(ctx context.Context, a *probe.Attempt, timeout time.Duration, size int) *os.File {
	fd, errno := open(&probe.Result{Attempt: *a})
	if fd < 0 {
		return nil
	}
	if size > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_MAXSEG, size-headersOf(a.Destination.Addr()))
	}
	if errno == 0 {
		d := newDialer(false)
		errno = d.connect(fd, a.Destination)
	}
	f := os.NewFile(uintptr(fd), "socket")
	if errno == unix.EINPROGRESS {
		errno = unix.ETIMEDOUT
		stop := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
		if rc, err := f.SyscallConn(); err == nil && f.SetWriteDeadline(time.Now().Add(timeout)) == nil {
			_ = rc.Write(func(fd uintptr) bool {
				now := settled(int(fd))
				if now != unix.EINPROGRESS {
					errno = now
				}
				return now != unix.EINPROGRESS
			})
		}
		stop()
	}
	if errno != 0 || ctx.Err() != nil {
		_ = f.Close()
		return nil
	}
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // the port is free again at once
	return f
}

const (
	sizeWait   = 700 * time.Millisecond // for one answer
	sizeTries  = 3
	smallest   = 68 // what every link of IPv4 carries (RFC 791); enough for IPv6's headers, too
	maxMTUs    = 16 // destinations that packets of their own are sent to
	maxMTUSize = 9216
)

// MeasureMTU sends single datagrams that may not be fragmented to ports where nothing listens, and fills in what comes
// of it. Own is what is known beforehand.
func MeasureMTU(ctx context.Context, m *probe.PathMTU) {
	try := func(size int) (answered bool, said netip.Addr) {
		ctx, stop := context.WithTimeout(ctx, sizeWait)
		defer stop()
		echoes, err := sound.Sound(ctx, []attempt.Probe{{Protocol: attempt.UDP, To: netip.AddrPortFrom(m.Addr, unusedPort), Size: size}})
		if err != nil || len(echoes) != 1 {
			return false, netip.Addr{}
		}
		e := &echoes[0]
		if e.Outcome.Errno == attempt.EMSGSIZE {
			return false, e.From
		}
		return e.Outcome.Kind == attempt.Refused && e.From == m.Addr, netip.Addr{}
	}
	m.MTU = min(m.Own, maxMTUSize)
	large := m.MTU
	ok, said := try(large)
	switch {
	case ok:
		m.Sure = true
		return
	case said.IsValid(): // the kernel has learned what passes
		m.By = said
		if known := kernelMTU(m.Addr); known > 0 && known < large {
			m.MTU = known
			m.Sure, _ = try(known)
		}
		return
	}
	least := smallest
	if m.Addr.Is6() {
		least = 1280 // RFC 8200, section 5
	}
	if ok, _ := try(least); !ok {
		return // the host tells nothing of such packets
	}
	for range sizeTries - 1 {
		if ok, said := try(large); ok || said.IsValid() {
			return
		}
	}
	passes := least
	for _, size := range []int{1280, 1400, 1420, 1450, 1492} {
		if size <= passes || size >= large {
			continue
		}
		ok, _ := try(size)
		if !ok { // the host may say no more in a second (icmp_ratelimit)
			ok, _ = try(size)
		}
		if !ok {
			break
		}
		passes = size
	}
	if ok, _ := try(least); ok { // so the silence before was no limit of the host's answers
		m.Hole, m.MTU, m.Sure = true, passes, true
	}
}

// kernelMTU is what the kernel takes for the path MTU to an address; 0 where it has none.
func kernelMTU(a netip.Addr) int {
	family, level, name := unix.AF_INET, unix.SOL_IP, unix.IP_MTU
	if a.Is6() {
		family, level, name = unix.AF_INET6, unix.SOL_IPV6, unix.IPV6_MTU
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.Connect(fd, sockaddr(netip.AddrPortFrom(a, unusedPort), a.Is6())) != nil {
		return 0
	}
	n, err := unix.GetsockoptInt(fd, level, name)
	if err != nil {
		return 0
	}
	return n
}

// MeasureMTUs measures to destinations that connected, some of them, all at once.
func MeasureMTUs(ctx context.Context, list []*probe.PathMTU) {
	var wait sync.WaitGroup
	for _, m := range list[:min(len(list), maxMTUs)] {
		if !m.Addr.IsLoopback() {
			wait.Go(func() { MeasureMTU(ctx, m) })
		}
	}
	wait.Wait()
}
