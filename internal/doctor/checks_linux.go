package doctor

import (
	"errors"
	"os"
	"strings"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// What to change where a container's seccomp profile is in the way. Docker's default profile allows pidfd_getfd
// together with CAP_SYS_PTRACE.
const (
	changePtrace = "docker run --cap-add SYS_PTRACE (in Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])"
	changeFilter = "docker run --security-opt seccomp=unconfined (in Kubernetes: seccompProfile: {type: Unconfined}), or a seccomp profile that allows "
)

// notification is whether a program can be supervised at all.
func (e *examination) notification(r *Report) {
	err := e.supervised.start
	outer := Check{Name: Outer, OK: Yes, Reason: "a listener could be made"}
	c := answer(Notification, err, "a child was started under a filter, and its calls were received", "")
	var start *unotify.StartError
	switch {
	case err == nil && !e.supervised.done:
		c = Check{Name: Notification, OK: No, Reason: "a child was started under a filter, but its calls did not arrive"}
	case err == nil:
	case !errors.As(err, &start) || start.Step != "install seccomp filter":
		outer = Check{Name: Outer, Reason: "no filter could be tried"}
		if e.calls["seccomp"].killed {
			c.Change = changeFilter + "seccomp"
		}
	case errors.Is(err, unix.EBUSY):
		outer = Check{
			Name: Outer, OK: No, Reason: words(start.Err) + ": a filter around this process already has a listener, and the kernel takes one",
			Change: "start sallyport outside of what supervises it: another sallyport run, a container with a seccomp agent, systemd-nspawn, LXD",
		}
		c = Check{Name: Notification, Reason: "hidden by the other supervisor's filter"}
	case e.refused("seccomp"):
		outer = Check{Name: Outer, Reason: "no filter could be tried"}
		c.Reason += ": a filter around this process refuses seccomp(2)"
		c.Change = changeFilter + "seccomp"
	default:
		outer = Check{Name: Outer, Reason: "no filter could be tried"}
		c.Change = "a kernel of 5.6 or later, built with CONFIG_SECCOMP_FILTER"
	}
	r.Checks = append(r.Checks, c, outer)
}

// access is what can be done with a child.
func (e *examination) access(r *Report) {
	s := &e.supervised
	duplicate := answer(Duplicate, s.duplicate, "a child's descriptor was duplicated", "")
	switch {
	case e.refused("pidfd_getfd"):
		duplicate = Check{
			Name: Duplicate, OK: No, Reason: words(e.errnoOf("pidfd_getfd")) + ": a seccomp filter around this process refuses the call",
			Change: changePtrace,
		}
	case e.refused("pidfd_open"):
		duplicate = Check{
			Name: Duplicate, OK: No, Reason: "pidfd_open: " + words(e.errnoOf("pidfd_open")) + ": a seccomp filter around this process refuses it",
			Change: changeFilter + "pidfd_open and pidfd_getfd",
		}
	case errors.Is(s.duplicate, unix.EPERM):
		duplicate.Reason += ": ptrace access to the child is denied"
		duplicate.Change = "see: " + PtraceScope
	case errors.Is(s.duplicate, unix.ENOSYS):
		duplicate.Change = "Linux 5.6 or later"
	}
	inject := answer(Inject, s.inject, "a socket was put into a child", "Linux 5.14 or later")
	vm := answer(ReadVM, s.vm, "a child's memory was read", "")
	switch {
	case e.refused("process_vm_readv"):
		vm = Check{
			Name: ReadVM, OK: No, Reason: words(e.errnoOf("process_vm_readv")) + ": a seccomp filter around this process refuses the call",
			Change: changePtrace,
		}
	case errors.Is(s.vm, unix.EPERM):
		vm.Reason += ": ptrace access to the child is denied"
		vm.Change = "see: " + PtraceScope
	}
	proc := answer(ReadProc, s.proc, "a child's memory was read", "see: "+PtraceScope)
	r.Checks = append(r.Checks, duplicate, inject, vm, proc, e.ptraceScope())
}

// errnoOf is how a trial ended, as an error.
func (e *examination) errnoOf(call string) error {
	if e.calls[call].killed {
		return errors.New("the caller is killed")
	}
	return e.calls[call].errno
}

// ptraceScope is Yama's setting, Documentation/admin-guide/LSM/Yama.rst: 0 and 1 let a parent at its children.
func (e *examination) ptraceScope() Check {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if errors.Is(err, os.ErrNotExist) {
		return Check{Name: PtraceScope, OK: Yes, Reason: "no Yama in this kernel: the classic rules apply"}
	}
	if err != nil {
		return Check{Name: PtraceScope, Reason: words(err)}
	}
	scope := strings.TrimSpace(string(b))
	c := Check{Name: PtraceScope, OK: Yes, Reason: "kernel.yama.ptrace_scope=" + scope}
	switch {
	case scope == "2" && !e.capable(unix.CAP_SYS_PTRACE):
		c.OK, c.Change = No, "sysctl kernel.yama.ptrace_scope=1, or run sallyport with CAP_SYS_PTRACE"
	case scope == "3":
		c.OK, c.Change = No, "kernel.yama.ptrace_scope=1 at boot: 3 can't be taken back"
	}
	return c
}

// comforts is what makes run faster or less visible.
func (e *examination) comforts(r *Report) {
	s := &e.supervised
	names := [...]string{ThreadHandles, SyncWakeUp, Setuid}
	if s.start != nil {
		for _, name := range names {
			r.Checks = append(r.Checks, Check{Name: name, Reason: "no filter could be tried"})
		}
		return
	}
	threads := Check{Name: ThreadHandles, Reason: "no handle could be opened"}
	switch {
	case s.exactThread:
		threads = Check{Name: ThreadHandles, OK: Yes, Reason: "a child's thread was opened"}
	case s.done && s.open == nil:
		threads = Check{Name: ThreadHandles, OK: No, Reason: "only processes can be opened: slower, works as well", Change: "Linux 6.9 or later"}
	}
	wake := Check{Name: SyncWakeUp, OK: Yes, Reason: "the kernel took SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP"}
	if !s.syncWakeUp {
		wake = Check{
			Name: SyncWakeUp, OK: No, Change: "Linux 6.6 or later",
			Reason: "the kernel does not know SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP: each supervised call takes about twice as long",
		}
	}
	setuid := Check{Name: Setuid, OK: Yes, Reason: "no_new_privs is not needed: this process has CAP_SYS_ADMIN"}
	switch {
	case e.status["NoNewPrivs"] == "1":
		setuid = Check{
			Name: Setuid, OK: No, Reason: "no_new_privs is set around this process already",
			Change: "for programs such as sudo and ping: docker run without no-new-privileges (in Kubernetes: allowPrivilegeEscalation: true)",
		}
	case s.noNewPrivs:
		setuid = Check{
			Name: Setuid, OK: No, Reason: "no_new_privs has to be set, because this process lacks CAP_SYS_ADMIN",
			Change: "for programs such as sudo and ping: run sallyport as root, or with CAP_SYS_ADMIN",
		}
	}
	r.Checks = append(r.Checks, threads, wake, setuid)
}

// namespaces is what demo and --isolate want.
func (e *examination) namespaces(r *Report) {
	user := answer(UserNamespaces, e.userNS, "a child was started in one", "")
	if e.userNS != nil {
		user.Change = namespaceChange(e.userNS, e.filtered())
		if e.refused("unshare") && errors.Is(e.userNS, unix.EPERM) {
			user.Reason += ": a seccomp filter around this process refuses it"
		}
		user.Reason += " (only demo and --isolate want it)"
		r.Checks = append(r.Checks, user, Check{Name: NetNamespaces, OK: user.OK, Reason: "without user namespaces there is none", Change: user.Change})
		return
	}
	net := answer(NetNamespaces, e.netNS, "a child was started in one, and brought its loopback interface up", "")
	if e.netNS != nil {
		net.Change = namespaceChange(e.netNS, e.filtered())
		net.Reason += " (only demo and --isolate want it)"
	}
	r.Checks = append(r.Checks, user, net)
}
