package diagnose

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// Denier is what denied a call. "" is not known, or the kernel's own rules.
type Denier string

// The deniers.
const (
	ByLandlock Denier = "landlock"
	ByCgroup   Denier = "cgroup-ebpf"
	BySeccomp  Denier = "seccomp"
	BySELinux  Denier = "selinux"
	ByAppArmor Denier = "apparmor"
	ByProfile  Denier = "profile"
	byLSMProg  Denier = "ebpf-lsm" // only ever one of several: nothing shows it
)

var denierWords = map[Denier]string{
	ByLandlock: "Landlock", ByCgroup: "an eBPF program of the cgroup", BySeccomp: "a seccomp filter", BySELinux: "SELinux",
	ByAppArmor: "AppArmor", ByProfile: "a profile", byLSMProg: "an eBPF program of the kernel's security hooks (BPF LSM)",
}

// Binder is a Trier that can tell who denied a bind.
type Binder interface {
	// TryBind binds a socket of sallyport's own in the network namespace of process pid, and closes it: 0, or why not.
	// The error means that it could not be tried.
	TryBind(pid int, p attempt.Protocol, at netip.AddrPort) (attempt.Errno, error)
	// Landlocked reports whether the process, or one that it comes from, has confined itself by Landlock during this run.
	Landlocked(pid int) bool
	// Cgroups is the process's /proc/PID/cgroup, as it was when it made the bind; "" where it can't be read.
	Cgroups(pid int) string
}

// denial is what was found out about a bind that was denied, when it was. The zero value knows nothing.
type denial struct {
	tried      bool          // the fields below were filled in
	own        attempt.Errno // how sallyport's own bind to the same address ended
	udp        attempt.Errno // the same by UDP, which Landlock does not restrict
	landlocked bool          // the process has confined itself
	landlock   bool          // the kernel's Landlock can deny binds (version 4)
	elsewhere  bool          // the process is in another cgroup than sallyport
	programs   cgroupPrograms
	label      securityLabel
}

// cgroupPrograms are the eBPF programs that decide about the binds of a cgroup.
type cgroupPrograms struct {
	known    bool     // they could be asked for, which takes privileges
	cgroup   string   // the cgroup's directory; "" where it is not known
	attached []string // in words: `"no_bind" (id 12), attached to /sys/fs/cgroup/x`
	lsm      int      // eBPF programs of the security hooks that are loaded, whatever they are for
}

// securityLabel is what SELinux or AppArmor has to do with a process.
type securityLabel struct {
	module  Denier // BySELinux or ByAppArmor where one is in force for the process; "": none
	context string
	differs bool // sallyport itself has another
}

// beginDenial reads what there is to read of a process whose bind was denied. It is called while the process waits for its
// answer: once it has ended it is in no cgroup. finish does the rest.
func (v *Investigation) beginDenial(pid int, r attempt.Result) (d denial, finish func(*denial)) {
	b, ok := v.trier.(Binder)
	if !ok || v.options.NoCounterfactuals || r.Call != attempt.CallBind || r.Decided || r.Outcome.Kind != attempt.Denied {
		return denial{}, func(*denial) {}
	}
	d = denial{landlocked: b.Landlocked(pid), label: labelOf(pid)}
	theirs, ours := cgroupPath(b.Cgroups(pid)), ownCgroup()
	d.elsewhere = theirs != ours
	return d, func(d *denial) {
		d.landlock = landlockRestrictsTCP()
		d.programs = bindPrograms(theirs)
		var err, errUDP error
		d.own, err = b.TryBind(pid, r.Protocol, r.Source.Addr)
		d.udp, errUDP = b.TryBind(pid, attempt.UDP, r.Source.Addr)
		d.tried = err == nil && errUDP == nil
	}
}

// by lists who can have denied the bind, as far as is known: one, and it is that one. sure says that each of the list was seen to be
// there, rather than could not be ruled out.
func (d *denial) by(p attempt.Protocol, errno attempt.Errno) (list []Denier, sure bool) {
	if !d.tried {
		return nil, false
	}
	sure = true
	add := func(possible bool, who Denier) {
		if possible {
			list = append(list, who)
		}
	}
	cgroup := func() {
		add(!d.programs.known || len(d.programs.attached) > 0, ByCgroup)
		add(d.programs.lsm > 0, byLSMProg)
		sure = sure && d.programs.known
	}
	// Landlock and the two that label say EACCES; landlock(7), security/selinux/hooks.c, security/apparmor/net.c.
	eacces := errno == attempt.EACCES
	switch d.own {
	case 0: // something that holds for the program alone
		add(d.landlocked && eacces && p == attempt.TCP, ByLandlock)
		add(d.label.differs && d.label.module != "" && eacces, d.label.module)
		if d.elsewhere {
			cgroup()
		}
	case errno: // something that holds for sallyport too
		cgroup()
		add((d.landlock || d.landlocked) && eacces && p == attempt.TCP && d.udp == 0, ByLandlock)
		add(d.label.module != "" && eacces, d.label.module)
	}
	return list, sure
}

// deniedBy is who denied the attempt, "" where that is not certain.
func (x *examined) deniedBy() Denier {
	switch {
	case x.Decided:
		return ByProfile
	case x.seccomp:
		return BySeccomp
	case x.Call != attempt.CallBind || x.Outcome.Kind != attempt.Denied:
		return ""
	}
	list, sure := x.denial.by(x.Protocol, x.Outcome.Errno)
	if len(list) == 1 && sure && list[0] != byLSMProg {
		return list[0]
	}
	return ""
}

// byWhom is the end of a summary: ", denied by Landlock".
func (x *examined) byWhom() string {
	if who := x.deniedBy(); who != "" && who != ByProfile {
		return ", denied by " + denierWords[who]
	}
	return ""
}

// explainDenier says what shows who denied a bind, or who can have, and how to find out.
func (x *examined) explainDenier(e *explanation) {
	d := &x.denial
	if !d.tried {
		return
	}
	list, _ := d.by(x.Protocol, x.Outcome.Errno)
	e.saw("%s", d.ownBind(x))
	switch who := x.deniedBy(); {
	case who != "":
		x.explainCertain(e, who)
	case len(list) == 0:
		e.saw("who denied it is not known: nothing was found that does")
	case len(list) == 1 && list[0] == ByCgroup:
		e.saw("an eBPF program is what can have denied it, and asking for those takes CAP_NET_ADMIN")
	default:
		words := make([]string, len(list))
		for i, who := range list {
			words[i] = denierWords[who]
		}
		e.saw("not decided: %s can have denied it", strings.Join(words, " or "))
	}
	for _, p := range d.programs.attached {
		e.saw("an eBPF program decides about the binds of this cgroup: %s", p)
	}
	if x.deniedBy() == "" {
		x.adviseDeniers(e, list)
	}
}

// ownBind says how sallyport's own bind ended.
func (d *denial) ownBind(x *examined) string {
	s := "sallyport's own bind to the same address "
	switch {
	case d.own == 0:
		return s + "passed: only the program is denied it"
	case d.own != x.Outcome.Errno:
		return s + "ended otherwise: " + d.own.Name() + " (" + d.own.Message() + ")"
	case x.Protocol == attempt.TCP && d.udp == 0:
		return s + "ended the same, and by UDP it passed"
	}
	return s + "ended the same"
}

func (x *examined) explainCertain(e *explanation, who Denier) {
	d := &x.denial
	switch who {
	case ByLandlock:
		if d.landlocked {
			e.saw("the program, or one that started it, has confined itself by Landlock: landlock_restrict_self(2) was called in this run")
		} else {
			e.saw("Landlock is what is left: it denies TCP binds with EACCES and leaves UDP alone, and no eBPF program, SELinux or AppArmor is in force here; " +
				"sallyport runs inside the same sandbox: that of a systemd unit, of a container, or of a program that confined itself and then started it")
		}
		e.advise("or have the sandbox allow it: a Landlock rule for port %d with LANDLOCK_ACCESS_NET_BIND_TCP; port 0 needs a rule of its own, landlock(7)", x.Source.Addr.Port())
	case ByCgroup:
		e.advise("or have the cgroup allow it: see what is attached with `bpftool cgroup tree`; systemd installs such programs for SocketBindDeny= and SocketBindAllow=")
	case BySELinux:
		e.saw("the process runs in SELinux's context %s", d.label.context)
		e.advise("or have SELinux allow it: `ausearch -m avc -ts recent` as root shows the denial; it would be node_bind or name_bind")
	case ByAppArmor:
		e.saw("the process runs under AppArmor's profile %s", d.label.context)
		e.advise("or have AppArmor allow it: `journalctl -k -g 'apparmor=\"DENIED\"'` shows the denial")
	}
}

// adviseDeniers says what to run to find out which of several it was.
func (x *examined) adviseDeniers(e *explanation, list []Denier) {
	for _, who := range list {
		switch who {
		case ByCgroup:
			if where := x.denial.programs.cgroup; where != "" {
				e.advise("see whether it is an eBPF program: `bpftool cgroup show %s effective` as root, or run sallyport as root, which then looks itself", where)
			} else {
				e.advise("see whether it is an eBPF program: `bpftool cgroup tree` as root")
			}
		case byLSMProg:
			e.advise("see whether it is a program of the security hooks: `bpftool prog show` as root lists them as type lsm")
		case ByLandlock:
			e.advise("see whether it is Landlock: `journalctl -k -g landlock` from Linux 6.15 on; it comes with a sandbox around the program")
		case BySELinux, ByAppArmor:
			e.advise("see whether it is %s: `ausearch -m avc -ts recent` or `journalctl -k -g DENIED` as root", denierWords[who])
		}
	}
}

// attachedText is a program in words.
func attachedText(name string, id uint32, cgroup string) string {
	if name == "" {
		return fmt.Sprintf("id %d, attached to %s", id, cgroup)
	}
	return fmt.Sprintf("%q (id %d), attached to %s", name, id, cgroup)
}
