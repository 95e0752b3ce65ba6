package supervise

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// Supervisor watches one program and all that it starts.
type Supervisor struct {
	opts     Options
	proc     *unotify.Process
	listener *unotify.Listener
	signals  chan os.Signal
	halted   bool // the program is stopped, and we are not; for Wait alone

	inject          bool
	killable        bool // callers are not interrupted between their notification and their answer
	privilegedBelow int
	labelled        bool   // a security module labels processes
	label           string // our own label

	confined   atomic.Bool // a process of the program has confined itself by Landlock
	landlocked landlocked
	forbidden  map[attempt.Call]attempt.Errno // see Forbidden
	stopping   atomic.Bool
	fullAt     atomic.Int64 // when a process was last looked at for having all its descriptors in use
	lastCaller atomic.Int32 // the thread that called last
	othersAt   atomic.Int64 // when it was another than before, in Unix nanoseconds
	unseen     atomic.Int64 // calls that the program made itself, because it could not be looked into
	idle       atomic.Int32 // workers that wait for a notification
	parked     atomic.Int32 // workers that sleep until another may block
	parkfd     int          // an eventfd(2) semaphore: each count wakes one of them
	workers    workers

	lives       lives
	names       names
	ownResolver bool // the program may bring musl's resolver, whose reads are trapped then
	located     located
	undelivered undelivered
	watch       watch
	minder      minder
	sampler     sampler
	endings     endings
	sinks       sinks
	held        heldTable
	overheard   overheard

	once  sync.Once
	ended chan struct{} // closed when no process is left under the filter

	handedMu sync.Mutex
	handed   []unotify.Notification
}

// New makes a supervisor for a program that Start will start.
func New(opts Options) *Supervisor {
	s := &Supervisor{opts: opts, privilegedBelow: readPrivilegedBelow(), forbidden: forbidden(), ended: make(chan struct{})}
	if s.labelled = labelled(); s.labelled {
		b, _ := os.ReadFile("/proc/self/attr/current")
		s.label = string(b)
	}
	s.lives.max = opts.MaxLives
	if s.lives.max == 0 {
		s.lives.max = defaultMaxLives
	}
	return s
}

// Start starts the program and watches it. The error is a *unotify.StartError; for its Step "execute" the
// program could not be executed. After an error there is nothing to wait for or to close.
func (s *Supervisor) Start() error {
	s.inject = s.opts.Inject || !canGetFD()
	s.ownResolver = ownResolver(s.opts.Path)
	// Both take some milliseconds, one of them in another process.
	caught := make(chan chan os.Signal, 1)
	go func() { caught <- catchSignals() }()
	s.killable = canWaitKillable()
	proc, err := unotify.Start(&unotify.Command{
		Path: s.opts.Path, Args: s.opts.Args, Env: s.environment(), Filter: s.filter(), WaitKillable: s.killable,
	})
	s.signals = <-caught
	if err != nil {
		releaseSignals(s.signals)
		return err
	}
	s.proc = proc
	if err := s.watchOver(proc.Listener, nil); err != nil {
		_ = unix.Kill(proc.PID, unix.SIGKILL)
		_, _ = unix.Wait4(proc.PID, nil, 0, nil)
		releaseSignals(s.signals)
		return err
	}
	if err := proc.Executed(); err != nil {
		_, _ = unix.Wait4(proc.PID, nil, 0, nil)
		s.Close()
		return err
	}
	go catchRest(s.signals)
	return nil
}

// watchOver starts the goroutines. Close ends them.
func (s *Supervisor) watchOver(l *unotify.Listener, first []unotify.Notification) error {
	s.listener = l
	l.SyncWakeUp() // only a matter of speed
	s.watch.s, s.minder.s, s.names.s = s, s, s
	var err error
	if s.parkfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_SEMAPHORE); err != nil {
		return err
	}
	if err := s.watch.start(); err != nil {
		return err
	}
	s.minder.start()
	if s.sampler.s = s; s.opts.OnStalled != nil {
		s.sampler.start()
	}
	if s.opts.Endings {
		s.endings.s, s.endings.heard = s, make(chan struct{}, 1)
	}
	for _, n := range first {
		s.startWorker(&n)
	}
	s.startWorker(nil)
	return nil
}

func (s *Supervisor) startWorker(first *unotify.Notification) {
	s.workers.wg.Add(1)
	go (&worker{s: s}).run(first)
}

// spare sees to it that a worker waits for what comes next, while the one that calls it may block.
func (s *Supervisor) spare() {
	if s.idle.Load() == 0 {
		if s.parked.Load() > 0 {
			_, _ = unix.Write(s.parkfd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		} else {
			s.startWorker(nil)
		}
	}
}

// park puts the calling worker to sleep until spare needs it. It reports false where enough sleep already, or
// the supervisor stops: then the worker ends.
func (s *Supervisor) park() bool {
	if s.parked.Add(1) > maxParked {
		s.parked.Add(-1)
		return false
	}
	defer s.parked.Add(-1)
	for !s.stopping.Load() {
		var b [8]byte
		if _, err := unix.Read(s.parkfd, b[:]); err == nil {
			return true
		}
	}
	return false
}

func (s *Supervisor) noMore() { s.once.Do(func() { close(s.ended) }) }

// enforcing reports whether a profile decides, so that what cannot be decided is denied.
func (s *Supervisor) enforcing() bool { return s.opts.Profile != nil }

// environment is the program's: with the variables that the profile's environment sets, where the user has not
// set them.
func (s *Supervisor) environment() []string {
	env := s.opts.Env
	if env == nil {
		env = os.Environ()
	}
	if s.opts.Profile == nil {
		return env
	}
	env = append([]string(nil), env...)
	for k, v := range s.opts.Profile.Facts.Environment {
		if _, set := os.LookupEnv(k); !set {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// NoNewPrivs reports whether the program runs without the rights of setuid programs, because sallyport lacks
// CAP_SYS_ADMIN.
func (s *Supervisor) NoNewPrivs() bool { return s.proc.NoNewPrivs }

// Injecting reports whether sockets are injected, because pidfd_getfd(2) is forbidden here.
func (s *Supervisor) Injecting() bool { return s.inject }

// Unseen is how many calls were not seen, because the process that made them could not be looked into: ptrace(2) access was denied,
// as it is to a process that runs as another user or is not dumpable.
func (s *Supervisor) Unseen() int64 { return s.unseen.Load() }

// Confined reports whether a process of the program has confined itself by Landlock, so that the errno of its calls was not
// seen from then on.
func (s *Supervisor) Confined() bool { return s.confined.Load() }

// Lives is a copy of what was recorded, oldest first, and how many lives were forgotten for want of room.
func (s *Supervisor) Lives() ([]*attempt.Life, int) {
	s.watch.mind(time.Now(), true)
	s.sampler.end()
	entries := s.lives.all()
	out := make([]*attempt.Life, 0, len(entries))
	for _, e := range entries {
		e.mu.Lock()
		out = append(out, e.copyLife())
		e.mu.Unlock()
	}
	s.lives.mu.Lock()
	defer s.lives.mu.Unlock()
	return out, s.lives.dropped
}

// Close ends the watch: calls that are waiting then fail with ENOSYS, and so do all that follow, unless
// HandOver has been called.
func (s *Supervisor) Close() {
	s.stopWorkers()
	s.sampler.end()
	s.overheard.end()
	s.endings.stop()
	close(s.minder.stop)
	<-s.minder.done
	s.watch.stop()
	_ = unix.Close(s.parkfd)
	_ = s.listener.Close()
	s.sinks.close()
	s.held.close()
	for _, e := range s.lives.all() {
		e.mu.Lock()
		e.unreserve()
		e.mu.Unlock()
	}
	if s.signals != nil {
		releaseSignals(s.signals)
	}
}

// stopWorkers makes every worker end, out of whatever call it is in.
func (s *Supervisor) stopWorkers() {
	s.stopping.Store(true)
	done := make(chan struct{})
	go func() {
		s.workers.wg.Wait()
		close(done)
	}()
	// A signal that comes just before a thread enters its call is lost: repeat it.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, w := range s.workers.snapshot() {
			_ = unotify.Interrupt(w.tid)
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}
