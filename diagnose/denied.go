package diagnose

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// deniedCause names what on this machine denies an attempt after it was routed, where that is certain.
func deniedCause(x *examined) string {
	if x.Decided || x.Call == attempt.CallBind || !x.Destination.IsValid() || x.again(attempt.Connected) || x.outcomeOf(changeNoBind).Kind == attempt.Connected {
		return ""
	}
	f := &x.here.filter
	switch {
	case f.sure != nil && f.sure.refuses(x.Outcome, x.Protocol.Stream()) && x.here.leaves != Yes:
		return DeniedByNetfilter
	case x.byCgroup():
		return DeniedByCgroup
	case x.Outcome.Kind == attempt.TimedOut && x.here.leaves == No && !x.fromLoopback():
		return DroppedHere
	case x.Outcome.Errno == attempt.EACCES && x.here.portDenied == Yes && x.facts.SELinux != "enforcing" && len(x.here.confining.programs) == 0:
		return DeniedByLandlock
	}
	return ""
}

// byCgroup reports whether an eBPF program of the cgroup is all that can have denied the attempt. EPERM at a connect comes from one alone:
// a packet filter is not asked by then, and a seccomp filter that answers so keeps the call from being seen here.
func (x *examined) byCgroup() bool {
	c, f := &x.here.confining, &x.here.filter
	if !c.read || len(c.programs) == 0 {
		return false
	}
	unfiltered := f.read && f.sure == nil && len(f.may) == 0
	switch {
	case x.Outcome.Kind == attempt.TimedOut:
		return x.here.leaves == No && unfiltered && !x.fromLoopback()
	case x.Outcome.Errno != attempt.EPERM:
		return false
	}
	return x.Call == attempt.CallConnect || unfiltered
}

func explainNetfilter(x *examined, e *explanation) {
	h := x.here.filter.sure
	does := "drops"
	if h.reject != "" {
		does = "rejects"
	}
	e.summary = fmt.Sprintf("%s can't reach %s: the packet filter of this machine %s what it sends: %s", x.who(), x.to(), does, h.shown()) + x.noBindHelps()
	e.saw("the ruleset was read: the first packet of this attempt matches that rule, and nothing before it in its chain lets it pass")
	x.sawLeaving(e)
	e.advise("see it: `nft -a list chain %s` as root", h.where())
	if h.handle != 0 {
		e.advise("to let %s pass, put a rule before it: `nft insert rule %s handle %d %s accept` as root; where a tool writes the rules (ufw, firewalld, Docker, "+
			"a Kubernetes network plugin), have it allowed there", x.destinationRule(), h.where(), h.handle, x.nftMatch())
	} else {
		e.advise("to let %s pass: `nft add rule %s %s accept` as root; where a tool writes the rules (ufw, firewalld), have it allowed there", x.destinationRule(), h.where(), x.nftMatch())
	}
	x.adviseProxy(e)
}

// shown is a hit for a sentence: "`ip daddr 192.0.2.1 drop` in inet filter output".
func (h *filterHit) shown() string {
	text := h.text
	if text == "" {
		text = fmt.Sprintf("rule %d", h.handle)
		if h.handle == 0 {
			text = "policy drop"
		}
	}
	return "`" + text + "` in " + h.where()
}

// nftMatch is the attempt as nft(8) matches it.
func (x *examined) nftMatch() string {
	to, family, protocol := x.Destination.Addr().Unmap().WithZone(""), "ip6", "tcp"
	if to.Is4() {
		family = "ip"
	}
	if !x.Protocol.Stream() {
		protocol = x.Protocol.String()
	}
	return fmt.Sprintf("%s daddr %v %s dport %d", family, to, protocol, x.Destination.Port())
}

// sawLeaving says whether the packets left this machine.
func (x *examined) sawLeaving(e *explanation) {
	if x.here.leaves == No {
		e.saw("made again, each retransmission of the SYN was discarded by this machine itself (TCPRetransFail of /proc/net/netstat)")
	}
}

// sawFilter says which rules may deny, where none does for certain.
func (x *examined) sawFilter(e *explanation) {
	for i := range min(len(x.here.filter.may), 3) {
		e.saw("may be the rule: %s", x.here.filter.may[i].shown())
	}
}

func explainCgroup(x *examined, e *explanation) {
	c := &x.here.confining
	e.summary = fmt.Sprintf("%s may not reach %s: an eBPF program of its cgroup denies it (%s): %s", x.who(), x.to(), c.list(), x.errno()) + x.noBindHelps()
	if x.Call == attempt.CallConnect && x.Outcome.Errno == attempt.EPERM {
		e.saw("EPERM at a connect comes from such a program alone: a packet filter is not asked by then")
	} else {
		e.saw("no rule of the packet filter matches, and the cgroup has programs that look at what is sent")
	}
	x.sawLeaving(e)
	e.saw("the process is in the cgroup %s", c.cgroup)
	e.advise("see the program: `bpftool cgroup show %s` and `bpftool prog show id %d` as root", cgroupDir(c.programs[0].cgroup), c.programs[0].id)
	e.advise("find who attached it: in a systemd unit `IPAddressDeny=`, `IPAddressAllow=`, `RestrictNetworkInterfaces=` and `IPEgressFilterPath=` (`systemctl cat UNIT`); "+
		"in Kubernetes a network plugin such as Cilium; have %s allowed there", x.destinationRule())
}

// list is the programs for a sentence: "sd_fw_egress (id 12) at /system.slice/x.service".
func (c *confining) list() string {
	var out []string
	for _, p := range c.programs {
		name := p.name
		if name == "" {
			name = "unnamed"
		}
		out = append(out, fmt.Sprintf("%s (id %d) at %s", name, p.id, p.cgroup))
	}
	return strings.Join(out, ", ")
}

// cgroupDir is where a cgroup is to be found, with the hierarchy mounted as systemd does.
func cgroupDir(cgroup string) string {
	if cgroup == "/" {
		cgroup = ""
	}
	return "/sys/fs/cgroup" + cgroup
}

func explainLandlock(x *examined, e *explanation) {
	port := x.Destination.Port()
	e.summary = fmt.Sprintf("%s may not connect to %s: a Landlock sandbox around it allows no TCP connect to port %d: %s", x.who(), x.to(), port, x.errno()) + x.noBindHelps()
	e.saw("sallyport, which runs in the same sandbox, may not connect to port %d by TCP at any address, not even a loopback one; UDP it may", port)
	e.advise("have the sandbox allow the port: a rule for it with LANDLOCK_ACCESS_NET_CONNECT_TCP, landlock(7); it was set up by a program that started this one: look at its "+
		"options (`pstree -sp %d` shows who that is)", x.pid())
	e.advise("or use a port that it allows, such as a proxy's; a sandbox can't be left by a process that is in it, not even as root")
	x.adviseProxy(e)
}

func explainDroppedHere(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s got no answer from %s: this machine itself discards what it sends, so nothing reaches the network", x.who(), x.to()) + x.noBindHelps()
	x.sawLeaving(e)
	x.sawFilter(e)
	if !x.here.filter.read {
		e.saw("which rule does it can only be read as root")
	} else {
		e.saw("no rule of nftables denies it for certain")
	}
	e.advise("see which rule's counter moves: `nft list ruleset` or `iptables -vnL OUTPUT` as root, before and after an attempt; or run sallyport as root, which names the rule")
	e.advise("where no filter does it: `tc -s qdisc; tc -s filter show dev %s egress` and `bpftool cgroup tree` as root", x.device())
	x.adviseProxy(e)
}

// device is the interface that the attempt leaves by, for a command.
func (x *examined) device() string {
	if d := x.here.route.device; d != "" {
		return d
	}
	return "DEV"
}
