package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// A program may leave processes behind: a daemon does. Then sallyport ends with the program, as the user expects, and a
// keeper takes the watch over: this program once more, in a session of its own, which ends with the last of those processes.

// keeperName is the keeper's first argument; the second is the descriptor of its state, the third the listener.
const keeperName = "[sallyport: keeping]"

// keeperState is what a keeper has to know.
type keeperState struct {
	PID           int // of the program that has ended
	Elide         Elide
	Profile       string // as YAML, "" for none
	ProfileName   string
	Inject        bool
	Confined      bool
	Killable      bool
	Tag           string                 // the caller's own, for its OnStep
	Scratch       string                 // a directory to remove at the end, "" for none
	Held          []keptDuplicate        // where sockets are injected
	Sockets       []keptSocket           // those whose answers depend on what was
	Notifications []unotify.Notification // received, and not answered yet
}

type keptSocket struct {
	Cookie   uint64
	Domain   int
	Protocol attempt.Protocol
	Source   netip.AddrPort
	Elided   []byte
	Local    []byte
	Peer     []byte
}

// keptDuplicate is a duplicate that the keeper inherits: see held.
type keptDuplicate struct {
	Inode        uint64
	FD, PID, Num int
}

// endingFor is how long the program's other processes have to end with it.
const endingFor = 50 * time.Millisecond

// Survivors reports whether the program has ended and left processes behind.
func (s *Supervisor) Survivors() bool {
	p := []unix.PollFd{{Fd: int32(s.listener.FD())}}
	for end := time.Now().Add(endingFor); ; {
		n, err := unix.Poll(p, max(0, int(time.Until(end).Milliseconds())))
		if err == nil && n == 1 && p[0].Revents&unix.POLLHUP != 0 {
			return false
		}
		if time.Now().After(end) {
			return true
		}
	}
}

// handOn keeps a notification that was received and is not answered, because the supervisor stops.
func (s *Supervisor) handOn(n unotify.Notification) {
	s.handedMu.Lock()
	defer s.handedMu.Unlock()
	s.handed = append(s.handed, n)
}

// HandOver lets a keeper take over, and returns its process id. The supervisor answers no call from then on; Close is called as
// ever. tag is given to the keeper's OnStep maker, see KeeperInit.
func (s *Supervisor) HandOver(tag string) (int, error) {
	s.stopWorkers()
	st := keeperState{
		PID: s.proc.PID, Elide: s.opts.Elide, Inject: s.inject, Confined: s.confined.Load(), Killable: s.killable, Tag: tag,
		Notifications: s.handed, Scratch: s.opts.Scratch,
	}
	if s.opts.Profile != nil {
		b, err := s.opts.Profile.Encode()
		if err != nil {
			return 0, fmt.Errorf("hand the profile over: %w", err)
		}
		st.Profile, st.ProfileName = string(b), s.opts.Profile.Name
	}
	for _, e := range s.lives.all() {
		e.mu.Lock()
		if e.elided != nil || e.peer != nil || e.source.IsValid() {
			st.Sockets = append(st.Sockets, keptSocket{
				e.life.Cookie, int(e.domain), e.life.Protocol, e.source, e.elided, e.local, e.peer,
			})
		}
		e.mu.Unlock()
	}
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	for _, h := range s.held.byInode {
		fd, err := unix.Dup(h.fd) // without close-on-exec, for the keeper alone
		if err != nil {
			return 0, fmt.Errorf("hand a socket over: %w", err)
		}
		defer unix.Close(fd)
		st.Held = append(st.Held, keptDuplicate{h.inode, fd, h.pid, h.num})
	}
	return startKeeper(st, s.listener.FD())
}

func startKeeper(st keeperState, listener int) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	defer w.Close()
	// Copies without close-on-exec, for the keeper alone.
	var fds [2]int
	for i, fd := range []int{int(r.Fd()), listener} {
		if fds[i], err = unix.Dup(fd); err != nil {
			return 0, err
		}
		defer unix.Close(fds[i])
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec("/proc/self/exe",
		[]string{keeperName, strconv.Itoa(fds[0]), strconv.Itoa(fds[1])},
		&syscall.ProcAttr{
			Dir: "/", Env: os.Environ(), Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
			Sys: &syscall.SysProcAttr{Setsid: true},
		})
	if err != nil {
		return 0, fmt.Errorf("start the keeper: %w", err)
	}
	if err := json.NewEncoder(w).Encode(st); err != nil {
		return 0, fmt.Errorf("tell the keeper: %w", err)
	}
	return pid, nil
}

// KeeperInit turns this process into a keeper, where it was started as one; it returns at once in every other process.
// Call it first thing in main. onStep makes the keeper's Options.OnStep of the tag that was handed over.
func KeeperInit(onStep func(tag string) func(*attempt.Life, *attempt.Step)) {
	if len(os.Args) != 3 || os.Args[0] != keeperName {
		return
	}
	if err := keep(onStep); err != nil {
		os.Exit(125)
	}
	os.Exit(0)
}

func keep(onStep func(tag string) func(*attempt.Life, *attempt.Step)) error {
	in, err1 := strconv.Atoi(os.Args[1])
	fd, err2 := strconv.Atoi(os.Args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	unix.CloseOnExec(in)
	unix.CloseOnExec(fd)
	state := os.NewFile(uintptr(in), "state")
	var st keeperState
	if err := json.NewDecoder(io.LimitReader(state, 64<<20)).Decode(&st); err != nil {
		return err
	}
	_ = state.Close()
	opts := Options{Elide: st.Elide, MaxLives: 1024}
	if st.Tag != "" {
		opts.OnStep = onStep(st.Tag)
	}
	if st.Profile != "" {
		p, err := profile.Parse(st.ProfileName, []byte(st.Profile))
		if err != nil {
			return err
		}
		opts.Profile = p
	}
	s := New(opts)
	s.inject, s.killable = st.Inject, st.Killable
	s.confined.Store(st.Confined)
	s.proc = &unotify.Process{PID: st.PID}
	for _, k := range st.Held {
		unix.CloseOnExec(k.FD)
		s.held.add(k.Inode, k.FD, k.PID).num = k.Num
	}
	for _, k := range st.Sockets {
		e := s.lives.add(&socket{domain: k.Domain, protocol: k.Protocol, cookie: k.Cookie}, 0, nil)
		e.source, e.elided, e.local, e.peer = k.Source, k.Elided, k.Local, k.Peer
	}
	if err := s.watchOver(unotify.NewListener(fd), st.Notifications); err != nil {
		return err
	}
	s.awaitEnd()
	s.Close()
	if st.Scratch == "" {
		return nil
	}
	return os.RemoveAll(st.Scratch)
}

// awaitEnd waits until no process is left under the filter.
func (s *Supervisor) awaitEnd() {
	p := []unix.PollFd{{Fd: int32(s.listener.FD())}}
	for {
		n, err := unix.Poll(p, -1)
		if err == nil && n == 1 && p[0].Revents&(unix.POLLHUP|unix.POLLNVAL) != 0 {
			return
		}
	}
}
