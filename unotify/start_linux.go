package unotify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is a program to start under a filter.
type Command struct {
	Path   string   // the file to execute; not looked up in PATH
	Args   []string // the argument list, Args[0] included
	Env    []string // nil: this process's environment
	Filter Filter
	// WaitKillable asks for SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): see [WaitKillable].
	WaitKillable bool
}

// Process is a program that was started under a filter.
type Process struct {
	PID        int
	Listener   *Listener
	NoNewPrivs bool // no_new_privs had to be set: setuid programs run without their rights
	conn       *os.File
}

// StartError says which step of a start failed. For Step "execute", Err is the errno of execve(2).
type StartError struct {
	Step string
	Err  error
}

func (e *StartError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap is the error behind it.
func (e *StartError) Unwrap() error { return e.Err }

// The child is this program once more, told so by its first argument; the second is the number of its socket.
const childName = "[sallyport: starting]"

// What the child sends: a kind, then an errno or a flag. The listener travels with kindListener.
const (
	kindListener = 'l'
	kindInstall  = 'i'
	kindExec     = 'e'
)

// Start starts a program under a filter: this program is executed once more, as a child that calls [ChildInit], installs
// the filter, hands the listener over and executes the program in its own place. The program inherits this
// process's descriptors that are not close-on-exec, its working directory, limits, signal mask and process group, and
// ignores the signals that this process was started with ignored, whatever has become of them since. (Two
// things the Go runtime of this process takes away for good: a descriptor 0, 1 or 2 that was closed
// is /dev/null, and SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD and SIGPROF are not blocked. Signal 63 is used for finding out, and is never ignored.)
//
// The program's calls wait from its first one on: receive from Listener, and call [Process.Executed] meanwhile.
// The caller waits for the process (wait4(2)) itself.
func Start(c *Command) (*Process, error) {
	program, err := c.Filter.Assemble()
	if err != nil {
		return nil, &StartError{"assemble filter", err}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &StartError{"socketpair", err}
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	args := append([]string{childName, strconv.Itoa(pair[1]), c.Path}, c.Args...)
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{Env: env, Files: inherited(pair[1])})
	unix.Close(pair[1])
	if err != nil {
		unix.Close(pair[0])
		return nil, &StartError{"start /proc/self/exe", err}
	}
	conn := os.NewFile(uintptr(pair[0]), "child")
	p := &Process{PID: pid, conn: conn}
	hello := greeting{Program: program, Ignored: startedIgnoring()}
	if c.WaitKillable {
		hello.Flags |= WaitKillable
	}
	if err := p.takeListener(hello); err != nil {
		conn.Close()
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, err
	}
	return p, nil
}

var errChildEnded = errors.New("the child ended before it could install the filter: does this program's main call unotify.ChildInit?")

// inherited is the list of descriptors for ForkExec by which a child has what it would inherit, and conn, which stays
// close-on-exec here: a process that is started at the same time from another goroutine must not inherit it. conn
// keeps its number, so that the others stay as they are; those behind it are inherited without being named.
func inherited(conn int) []uintptr {
	files := make([]uintptr, conn+1)
	for fd := range files {
		files[fd] = uintptr(fd)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd != conn && (err != nil || flags&unix.FD_CLOEXEC != 0) {
			files[fd] = ^uintptr(0)
		}
	}
	return files
}

// takeListener sends the filter to the child and receives its listener.
func (p *Process) takeListener(hello greeting) error {
	if _, err := p.conn.Write(hello.encode()); errors.Is(err, unix.EPIPE) {
		return &StartError{"send filter", errChildEnded}
	} else if err != nil {
		return &StartError{"send filter", err}
	}
	var msg [5]byte
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	var err error
	for {
		n, oobn, _, _, err = unix.Recvmsg(int(p.conn.Fd()), msg[:], oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err == unix.ECONNRESET || err == nil && n < len(msg) {
		return &StartError{"receive listener", errChildEnded}
	}
	if err != nil {
		return &StartError{"receive listener", err}
	}
	value := binary.LittleEndian.Uint32(msg[1:])
	if msg[0] == kindInstall {
		return &StartError{"install seccomp filter", unix.Errno(value)}
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cmsgs) != 1 {
		return &StartError{"receive listener", fmt.Errorf("no descriptor came with it: %w", errors.Join(err, io.ErrUnexpectedEOF))}
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil || len(fds) != 1 {
		return &StartError{"receive listener", fmt.Errorf("no descriptor came with it: %w", errors.Join(err, io.ErrUnexpectedEOF))}
	}
	p.Listener = NewListener(fds[0])
	p.NoNewPrivs = value != 0
	return nil
}

// Executed waits until the program runs. Its error is a *StartError with Step "execute" where it could not be executed;
// the child has then ended with status 127 or 126.
func (p *Process) Executed() error {
	defer p.conn.Close()
	var msg [5]byte
	// The child's end is close-on-exec: the end of the stream is success.
	if n, err := io.ReadFull(p.conn, msg[:]); n < len(msg) {
		if err == io.EOF {
			return nil
		}
		return &StartError{"execute", err}
	}
	return &StartError{"execute", unix.Errno(binary.LittleEndian.Uint32(msg[1:]))}
}

// ChildInit turns this process into the program it was started for, where it is the child of a [Start]; it
// returns at once in every other process. Call it first thing in main.
func ChildInit() {
	if len(os.Args) < 4 || os.Args[0] != childName {
		return
	}
	conn, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(125)
	}
	runChild(conn, os.Args[2], os.Args[3:])
}

// runChild installs the filter and executes the program, on one thread; it does not return.
func runChild(conn int, path string, args []string) {
	runtime.LockOSThread()
	unix.CloseOnExec(conn)
	hello, err := receiveGreeting(conn)
	if err != nil {
		os.Exit(125)
	}
	ignoreExactly(hello.Ignored)
	// A thread without the filter hands the listener over: sendmsg itself may be a call that the filter
	// notifies, and nobody could answer it yet. It is there before the filter is, so that
	// it does not inherit it.
	installed := make(chan Installed)
	handed := make(chan error)
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(ready)
		in := <-installed
		msg := [5]byte{kindListener}
		if in.NoNewPrivs {
			msg[1] = 1
		}
		handed <- unix.Sendmsg(conn, msg[:], unix.UnixRights(in.Listener), nil, 0)
	}()
	<-ready
	in, err := Install(hello.Program, hello.Flags)
	if err != nil {
		fail(conn, kindInstall, err)
		os.Exit(125)
	}
	installed <- in
	if err := <-handed; err != nil {
		os.Exit(125)
	}
	err = execute(path, args)
	// write(2) is never notified: this thread can say it itself.
	fail(conn, kindExec, err)
	if errors.Is(err, unix.ENOENT) {
		os.Exit(127)
	}
	os.Exit(126)
}

// execute is execve(2), and like execvp(3) it gives a file without a known format to the shell.
func execute(path string, args []string) error {
	err := syscall.Exec(path, args, os.Environ())
	if errors.Is(err, unix.ENOEXEC) {
		sh := append([]string{"/bin/sh", path}, args[1:]...)
		if e := syscall.Exec("/bin/sh", sh, os.Environ()); e != nil {
			return err
		}
	}
	return err
}

func fail(conn int, kind byte, err error) {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		errno = unix.EINVAL
	}
	msg := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(errno))
	_, _ = unix.Write(conn, msg)
}
