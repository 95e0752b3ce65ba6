package kube

import (
	"fmt"
	"slices"
	"strings"
)

// rights are what a container's processes start with, once admission has filled in what the pod leaves open.
type rights struct {
	root     match // whether its user is root; maybe where the image's user decides
	userPos  Pos
	userWhy  string
	may      bool // NET_BIND_SERVICE is in its bounding set
	capsPos  Pos
	capsWhy  string
	fixed    bool // no_new_privs: no program's file gives more
	fixedPos Pos
}

// underConstraints decides for a port that takes the capability. Constraints are nil on a plain Kubernetes, and for a pod that
// was admitted: its fields already have what they put there.
func (b *binder) underConstraints(s *constraints) Verdict {
	if s.scc != nil && s.scc.Broken() {
		at := s.scc.Errors[0]
		b.reasons = append(b.reasons, Reason{Pos: at.Pos, Field: s.scc.String(), Words: at.What})
		return Undecidable
	}
	if s.words != "" {
		b.step(s.pos(), "%s", s.words)
	}
	r := b.rights(s.scc)
	b.step(r.capsPos, "%s", r.capsWhy)
	decide := func(v Verdict) Verdict {
		b.chain[len(b.chain)-1].Decides = true
		return v
	}
	if !r.may {
		return decide(Denied) // not even root: the bounding set limits what any program gets
	}
	b.step(r.userPos, "%s", r.userWhy)
	if r.root == yes {
		return decide(Allowed)
	}
	// Kubernetes gives no ambient capabilities (kubernetes/enhancements#2763), so the execve of a user other than root clears what
	// capabilities.add put there, but for what the program's file has too (capabilities(7)). no_new_privs keeps that only where the process
	// had it before: the runtime does, which executes the first program.
	by := "by a program whose file has it (setcap cap_net_bind_service=+ep)"
	if r.fixed {
		b.step(r.fixedPos, "allowPrivilegeEscalation is false (no_new_privs): of programs whose file has a capability, only the container's first one gets it")
		by = "as the container's first program, where its file has it (setcap cap_net_bind_service=+ep)"
	}
	if r.root == maybe {
		b.reasons = append(b.reasons, Reason{Pos: r.userPos, Field: "securityContext.runAsUser", Words: "not given, so that the image's user decides: root may, others get EACCES, unless they have the capability " + by})
		return Undecidable
	}
	b.reasons = append(b.reasons, Reason{Pos: r.userPos, Field: "the program's file", Words: "not in the objects: a user other than root has the capability only " + by + ", and gets EACCES else; what capabilities.add adds is lost to it at execve"})
	return Undecidable
}

// rights works out what a container starts with, by its own fields, those of its pod and by constraints.
func (b *binder) rights(scc *SecurityContextConstraints) rights {
	var r rights
	own := &b.c.Security
	b.user(&r, scc)
	r.capsPos = b.c.Pos
	if own.CapabilitiesPos.Line > 0 {
		r.capsPos = own.CapabilitiesPos
	}
	if own.Privileged == True {
		r.may, r.capsPos, r.capsWhy = true, own.PrivilegedPos, "the container is privileged: it has every capability"
		return r
	}
	add, drop := own.Add, own.Drop
	if scc != nil {
		add, drop = scc.capabilities(own)
	}
	r.may, r.capsWhy = effective(add, drop)
	if scc != nil && (!slices.Equal(add, own.Add) || !slices.Equal(drop, own.Drop)) {
		r.capsPos, r.capsWhy = scc.Pos, r.capsWhy+", by "+scc.Name
	}
	switch {
	case own.AllowEscalation != Unset:
		r.fixed, r.fixedPos = own.AllowEscalation == False, own.EscalationPos
	case scc != nil && scc.DefaultAllowEscalation != Unset:
		r.fixed, r.fixedPos = scc.DefaultAllowEscalation == False, scc.Pos
	case scc != nil:
		r.fixed, r.fixedPos = scc.AllowEscalation == False, scc.Pos
	}
	return r
}

// user tells who a container runs as: the container's field, the pod's, what constraints generate, the image.
func (b *binder) user(r *rights, scc *SecurityContextConstraints) {
	own, pod := &b.c.Security, &b.p.Pod.Security
	uid, at := own.RunAsUser, own.UserPos
	if uid == nil {
		uid, at = pod.RunAsUser, pod.UserPos
	}
	words := "runAsUser is %d"
	if uid == nil && scc != nil {
		at = scc.RunAsUser.Pos
		switch scc.RunAsUser.Type {
		case "MustRunAs":
			uid, words = scc.RunAsUser.UID, "runAsUser is %d, by "+scc.Name
		case "MustRunAsRange":
			if uid = scc.RunAsUser.First; uid == nil {
				r.root, r.userPos, r.userWhy = no, at, "runAsUser is out of the namespace's range, by "+scc.Name+": not root"
				return
			}
			words = "runAsUser is %d, by " + scc.Name
		}
	}
	if uid != nil {
		r.root, r.userPos, r.userWhy = when(*uid == 0), at, fmt.Sprintf(words, *uid)
		if *uid == 0 {
			r.userWhy += ": root"
		}
		return
	}
	nonRoot, at := own.RunAsNonRoot, own.NonRootPos
	if nonRoot == Unset {
		nonRoot, at = pod.RunAsNonRoot, pod.NonRootPos
	}
	switch {
	case nonRoot == True:
		r.root, r.userPos, r.userWhy = no, at, "runAsNonRoot: the kubelet starts no root"
	case scc != nil && scc.RunAsUser.Type == "MustRunAsNonRoot":
		r.root, r.userPos, r.userWhy = no, scc.RunAsUser.Pos, "MustRunAsNonRoot, by "+scc.Name+": the kubelet starts no root"
	default:
		r.root, r.userPos, r.userWhy = maybe, b.c.Pos, "no runAsUser: the image's user"
	}
}

// effective is whether NET_BIND_SERVICE is among a container's capabilities, which runtimes give by default: ALL in add or drop first, then
// what is added, then what is dropped (WithCapabilities in internal/cri/opts/spec_linux_opts.go of containerd).
func effective(add, drop []string) (bool, string) {
	has := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.TrimPrefix(strings.ToUpper(s), "CAP_") == name })
	}
	const c = "NET_BIND_SERVICE"
	switch {
	case has(drop, c):
		return false, "capabilities.drop has " + c
	case has(add, c):
		return true, "capabilities.add has " + c
	case has(drop, "ALL"):
		return false, "capabilities.drop has ALL, and capabilities.add not " + c
	case has(add, "ALL"):
		return true, "capabilities.add has ALL"
	}
	return true, "container runtimes give " + c + " by default"
}
