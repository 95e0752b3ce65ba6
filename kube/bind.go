package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// BindDecision is whether the sockets of a container may be bound to a port. Where they may not, bind(2) ends in EACCES.
type BindDecision struct {
	Container *Container
	Verdict   Verdict
	Reasons   []Reason // what the verdict depends on, where it is undecidable
	Chain     []BindStep
	Notes     []string
}

// BindStep is one thing that was considered.
type BindStep struct {
	Pos
	Words   string
	Decides bool
}

func (s BindStep) String() string {
	if s.File == "" {
		return s.Words
	}
	return s.Words + " (" + s.Pos.String() + ")"
}

// Bind tells for each container of a workload, init containers among them, whether its sockets may be bound to a port. A port below
// net.ipv4.ip_unprivileged_port_start (of both families) takes CAP_NET_BIND_SERVICE in the network namespace's user namespace
// (__inet_bind in net/ipv4/af_inet.c, __inet6_bind in net/ipv6/af_inet6.c). Port 0 is a port that the kernel chooses.
func (e *Evaluator) Bind(from *Workload, port uint16) []BindDecision {
	p := e.byObject[from]
	if p == nil {
		return nil
	}
	list := make([]BindDecision, len(p.Pod.Containers))
	for i := range list {
		list[i] = e.bind(p, &p.Pod.Containers[i], port)
	}
	return list
}

func (e *Evaluator) bind(p *pod, c *Container, port uint16) BindDecision {
	b := binder{e: e, p: p, c: c}
	d := BindDecision{Container: c}
	switch {
	case p.Broken():
		at := p.Errors[0]
		d.Reasons = []Reason{{Pos: at.Pos, Field: p.String(), Words: at.What}}
		return d
	case len(e.cluster.Unread) > 0 && len(e.cluster.SCCs) == 0 && port > 0 && port < 1024:
		at := e.cluster.Unread[0]
		d.Reasons = []Reason{{Pos: at.Pos, Words: "could not be read, and may be SecurityContextConstraints: " + at.What}}
		return d
	}
	privileged := b.isPrivileged(port)
	if privileged == no {
		d.Verdict, d.Chain, d.Notes = Allowed, b.chain, b.notes
		d.Chain[len(d.Chain)-1].Decides = true
		return d
	}
	candidates, reasons := e.constraintsOf(p)
	var verdicts []Verdict
	var all []binder
	for _, s := range candidates {
		x := b
		x.chain, x.reasons, x.notes = slices.Clone(b.chain), slices.Clone(b.reasons), slices.Clone(b.notes)
		v := x.underConstraints(s)
		if v == Denied && privileged == maybe {
			v = Undecidable
			undecide(x.chain)
		}
		if v == Allowed {
			x.reasons = nil
		}
		verdicts, all = append(verdicts, v), append(all, x)
	}
	if len(all) == 0 {
		d.Chain, d.Reasons = b.chain, reasons
		return d
	}
	d.Verdict, d.Chain, d.Reasons, d.Notes = verdicts[0], all[0].chain, all[0].reasons, all[0].notes
	for i, v := range verdicts {
		if v != d.Verdict {
			d.Verdict = Undecidable
			d.Reasons = append(slices.Clone(reasons), Reason{
				Pos: candidates[i].pos(), Field: "annotation openshift.io/scc",
				Words: fmt.Sprintf("by %v the bind is %v, by %v %v: which of them admits the pod, the running pod tells", candidates[0], verdicts[0], candidates[i], v),
			})
			undecide(d.Chain)
			break
		}
	}
	if d.Verdict != Undecidable {
		d.Reasons = nil
	}
	if len(e.cluster.SCCs) == 0 && candidates[0].words == "" && (e.networkType() != "" || len(e.cluster.Proxies) > 0) {
		d.Notes = append(d.Notes, "this is OpenShift, and no SecurityContextConstraints were given: they may change who the container runs as, and drop capabilities")
	}
	return d
}

// undecide takes back that a step decided.
func undecide(chain []BindStep) {
	for i := range chain {
		chain[i].Decides = false
	}
}

// binder decides for one container.
type binder struct {
	e       *Evaluator
	p       *pod
	c       *Container
	chain   []BindStep
	reasons []Reason
	notes   []string
}

func (b *binder) step(at Pos, format string, args ...any) {
	b.chain = append(b.chain, BindStep{Pos: at, Words: fmt.Sprintf(format, args...)})
}

// isPrivileged reports whether a port is one that takes a capability.
func (b *binder) isPrivileged(port uint16) match {
	const sysctl = "net.ipv4.ip_unprivileged_port_start"
	if port == 0 {
		b.step(Pos{}, "port 0 is one that the kernel chooses, and takes no right")
		return no
	}
	for _, s := range b.p.Pod.Security.Sysctls {
		if s.Name != sysctl {
			continue
		}
		start, err := strconv.Atoi(strings.TrimSpace(s.Value))
		switch {
		case b.p.Pod.HostNetwork:
			b.reasons = append(b.reasons, Reason{Pos: s.Pos, Field: sysctl, Words: "the kubelet refuses it for a pod on the host network"})
			return maybe
		case err != nil:
			b.reasons = append(b.reasons, Reason{Pos: s.Pos, Field: sysctl, Words: fmt.Sprintf("%q is no number", s.Value)})
			return maybe
		case int(port) >= start:
			b.step(s.Pos, "%s is %d: ports from there on take no right", sysctl, start)
			return no
		}
		b.step(s.Pos, "%s is %d: port %d takes CAP_NET_BIND_SERVICE", sysctl, start, port)
		return yes
	}
	switch {
	case port >= 1024:
		b.step(Pos{}, "ports from 1024 on take no right (%s)", sysctl)
		return no
	case b.p.Pod.HostNetwork:
		b.step(b.p.Pos, "port %d takes CAP_NET_BIND_SERVICE: the pod is on the host network, where %s is the node's own, 1024 by the kernel's default", port, sysctl)
		b.notes = append(b.notes, sysctl+" may be another on the node, which no object tells")
		return yes
	}
	return b.byRuntime(port, sysctl)
}

// byRuntime is what container runtimes set where the pod asks for nothing: containerd 0 from 2.0 on, and from 1.6 on where
// enable_unprivileged_ports is set (containerd/containerd#6170, #9348); CRI-O nothing but what default_sysctls says
// (cri-o/cri-o#10050). Each may be configured otherwise.
func (b *binder) byRuntime(port uint16, sysctl string) match {
	var runtime string
	var at Pos
	for _, n := range b.e.cluster.Nodes {
		if b.p.Pod.NodeName != "" && n.Name != b.p.Pod.NodeName || n.Broken() {
			continue
		}
		name, _, _ := strings.Cut(n.Runtime, "://")
		if strings.HasPrefix(n.Runtime, "containerd://1.") {
			name = "containerd 1"
		}
		if runtime != "" && runtime != name {
			b.reasons = append(b.reasons, Reason{Pos: n.RuntimePos, Field: sysctl, Words: "not set for the pod, and the nodes' container runtimes have different defaults"})
			return maybe
		}
		runtime, at = name, n.RuntimePos
	}
	switch runtime {
	case "cri-o":
		b.step(at, "port %d takes CAP_NET_BIND_SERVICE: CRI-O leaves %s at 1024", port, sysctl)
		b.notes = append(b.notes, "CRI-O's default_sysctls on the node may set "+sysctl+", which no object tells")
		return yes
	case "containerd":
		b.step(at, "containerd 2 sets %s to 0: no port takes a right", sysctl)
		b.notes = append(b.notes, "containerd's enable_unprivileged_ports may be off on the node, which no object tells")
		return no
	case "containerd 1":
		b.reasons = append(b.reasons, Reason{Pos: at, Field: sysctl, Words: "not set for the pod; containerd 1 sets it to 0 where enable_unprivileged_ports is on in its configuration"})
	default:
		b.reasons = append(b.reasons, Reason{Pos: b.p.Pos, Field: sysctl, Words: "not set for the pod, and no Node object tells the container runtime: containerd sets it to 0 from 2.0 on, CRI-O leaves it at 1024"})
	}
	return maybe
}
