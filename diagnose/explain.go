package diagnose

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// explanation is what a cause has to say about one attempt, in the making.
type explanation struct {
	summary  string
	evidence []string // what follows the steps
	remedy   []string
}

func (e *explanation) saw(format string, a ...any) {
	e.evidence = append(e.evidence, fmt.Sprintf(format, a...))
}

func (e *explanation) advise(format string, a ...any) {
	e.remedy = append(e.remedy, fmt.Sprintf(format, a...))
}

// where is the call stack of the step that failed, or that began what failed. told says that it is the call that told the
// program, for want of the one that connected.
func (x *examined) where() (frames []attempt.Frame, told bool) {
	for i := x.Last; i >= x.First; i-- {
		s := &x.life.Steps[i]
		if s.Where == nil || s.Errno == 0 { // one that succeeded has a stack where all were asked for
			continue
		}
		if s.Call != attempt.CallSoError {
			return s.Where, false
		}
		if frames == nil {
			frames, told = s.Where, true
		}
	}
	return frames, told
}

// explainers has one function a cause.
var explainers = map[string]func(*examined, *explanation){
	BindDenied:           explainBindDenied,
	BindAddressNotLocal:  explainNotLocal,
	BindAddressInUse:     explainInUse,
	BindPrivilegedPort:   explainPrivileged,
	BindLoopbackSource:   explainLoopback,
	FamilyMismatch:       explainFamily,
	ConnectDenied:        explainConnectDenied,
	Refused:              explainRefused,
	ServicePort:          explainServicePort,
	TimedOut:             explainTimedOut,
	Unreachable:          explainUnreachable,
	PortExhausted:        explainPortExhausted,
	BindExhaustsPorts:    explainBindExhausts,
	ProxyNeeded:          explainProxyNeeded,
	ProxyUser:            explainProxyUser,
	ProxyDenied:          explainProxyDenied,
	ProxyCannotReach:     explainProxyCannotReach,
	UnknownCause:         explainUnknown,
	DeniedByRoute:        explainDeniedByRoute,
	BroadcastDenied:      explainBroadcast,
	NoIPv4:               explainNoFamily,
	NoIPv6:               explainNoFamily,
	NoRoute:              explainNoRoute,
	PortFiltered:         explainPortFiltered,
	HostDown:             explainHostDown,
	RejectedOnTheWay:     explainRejectedOnTheWay,
	MTUBlackHole:         explainBlackHole,
	ConnectionStalled:    explainStalled,
	Intercepted:          explainIntercepted,
	ClosedWithoutAnswer:  explainClosed,
	CertificateMismatch:  explainMismatch,
	CertificateExpired:   explainExpired,
	CertificateUntrusted: explainUntrusted,
	DeviceBindDenied:     explainDeviceDenied,
	MarkDenied:           explainMarkDenied,
	TransparentDenied:    explainTransparentDenied,
	PingDenied:           explainPingDenied,
	RawSocketDenied:      explainRawDenied,
	SocketDenied:         explainSocketDenied,
	DescriptorsExhausted: explainDescriptors,
	DeniedByNetfilter:    explainNetfilter,
	DeniedByCgroup:       explainCgroup,
	DeniedByLandlock:     explainLandlock,
	DroppedHere:          explainDroppedHere,
	SearchPathSurprise:   explainSearchPath,
	WrongInterface:       explainWrongInterface,
	SourceUnanswered:     explainSourceUnanswered,
	ReversePathFiltered:  explainReversePath,
	ConntrackFull:        explainConntrack,
	ListensElsewhere:     explainListensElsewhere,
	RejectedHere:         explainRejectedHere,
}

// finding is the finding that a failed attempt comes to.
func (x *examined) finding() Finding { return x.findingOf(x.cause()) }

// findingOf is the finding with that cause.
func (x *examined) findingOf(cause string) Finding {
	var e explanation
	if x.Call != attempt.CallBind {
		x.byTheSource(&e, cause)
	}
	if x.seccomp && x.Call != attempt.CallSocket {
		x.explainSeccomp(&e)
	} else {
		explainers[cause](x, &e)
		x.sawOrigin(&e, cause)
	}
	if x.proxy != nil && x.asked == nil {
		x.sayProxy(&e)
	}
	if x.Device != "" && cause != WrongInterface {
		e.saw("the socket is bound to the network device %s, so nothing else is tried by the kernel", x.Device)
	}
	if x.Decided {
		if p := profileOf(x.rule()); p != "" {
			e.advise("what the profile %s denies here, the place that it stands for denies as well: a change that passes here will pass there", p)
		}
	}
	f := Finding{
		Cause: cause, Summary: e.summary, Attempt: x.Attempt, Outcome: x.Outcome, PID: x.pid(), FD: x.life.FD,
		Evidence: append(x.steps(), e.evidence...), Remedy: e.remedy, Counterfactuals: x.cfs,
		Count: 1, At: x.Begin, Rule: x.rule(),
		DeniedBy: x.deniedBy(),
	}
	if c := x.origin.direct; c != nil {
		f.Counterfactuals = append(slices.Clone(x.cfs), *c)
	}
	f.Where, f.WhereTold = x.where()
	if x.life.Process != nil {
		f.Process = x.life.Process.Command
	}
	f.Evidence = append(f.Evidence, x.left...)
	return f
}

// steps are the steps of the attempt, but not every look at an error that was read in between.
func (x *examined) steps() []string {
	var out []string
	for i := x.First; i <= x.Last && i < len(x.life.Steps); i++ {
		s := &x.life.Steps[i]
		if i != x.First && i != x.Last && (s.Call == attempt.CallSoError || s.Call == attempt.CallReady || s.Call == attempt.CallSocket) {
			continue
		}
		out = append(out, s.String())
	}
	return out
}

// rule is the rule of a profile that decided the attempt.
func (x *examined) rule() string {
	if !x.Decided {
		return ""
	}
	for i := x.Last; i >= x.First; i-- {
		if s := &x.life.Steps[i]; s.How == attempt.Decided && s.Rule != "" {
			return s.Rule
		}
	}
	return ""
}

// profileOf is the profile of a rule in words: "openshift-v2-gear, bind rule 1".
func profileOf(rule string) string {
	name, _, _ := strings.Cut(rule, ", ")
	return name
}

// byTheSource says first what a counterfactual without the bind showed, for the causes that are not
// about the source by themselves.
func (x *examined) byTheSource(e *explanation, cause string) {
	switch cause {
	case BindLoopbackSource, FamilyMismatch, BindAddressInUse, SourceUnanswered, WrongInterface:
		return // they say it themselves
	}
	if x.Source.Kind == attempt.SourceNone || x.Elided {
		return
	}
	if x.outcomeOf(changeNoBind).Kind == attempt.Connected {
		x.adviseNoBind(e, "without the bind the same attempt connected")
	}
}

// noBindHelps is the end of a summary: how it ended without the bind.
func (x *examined) noBindHelps() string {
	switch o := x.outcomeOf(changeNoBind); o.Kind {
	case attempt.InProgress:
		return ""
	case attempt.Connected:
		return "; without the bind it connected"
	case x.Outcome.Kind:
		return "; without the bind it ended the same"
	default:
		return fmt.Sprintf("; without the bind it ended otherwise: %v", o)
	}
}

// adviseNoBind advises to connect without a bind, at once and for good.
func (x *examined) adviseNoBind(e *explanation, why string) {
	if x.Protocol.Stream() || x.Source.Addr.Port() == 0 {
		e.advise("run it without the bind (%s): `%s`", why, x.without())
	} else {
		e.advise("if this is a client: run it without the bind (%s): `%s`", why, x.without())
	}
	e.advise("take the bind out for good: a client socket needs none, the kernel chooses the source when it connects; " +
		"look for a setting named source address, local address, bind address, vhost or interface, in the program and in its libraries")
}

// without is the command line that runs the program without the binds of sockets like this one.
func (x *examined) without() string {
	run := "sallyport run --without-bind "
	if !x.Protocol.Stream() {
		run = "sallyport run --without-udp-bind " // has to be asked for: a server's binds look the same
	}
	if x.options.Profile != "" {
		run += CommandLine([]string{"--profile", x.options.Profile}) + " "
	}
	run += "-- "
	if len(x.options.Program) == 0 {
		return run + "CMD ARG..."
	}
	return run + CommandLine(x.options.Program)
}

// who is the process for a sentence.
func (x *examined) who() string { return processName(x.life.Process) }

// name is the program's name alone.
func (x *examined) name() string {
	if p := x.life.Process; p != nil && len(p.Command) > 0 && p.Command[0] != "" {
		return filepath.Base(p.Command[0])
	}
	return "the program"
}

// to is the destination for a sentence, with the name behind it.
func (x *examined) to() string {
	if x.Name != "" {
		return x.Destination.String() + " (" + x.Name + ")"
	}
	return x.Destination.String()
}

// from is what a bind asked for, for a sentence: "0.0.0.0 (any address), port 53", "10.0.0.1".
func (x *examined) from() string {
	s := x.Source
	what := s.Addr.Addr().String()
	if s.Kind == attempt.SourceAny {
		what += " (any address)"
	}
	if p := s.Addr.Port(); p != 0 {
		what += fmt.Sprintf(", port %d", p)
	}
	return what
}

// socket is "its client socket" where that is certain: a server's bind asks for a port.
func (x *examined) socket() string {
	if x.Protocol.Stream() && x.Source.Addr.Port() == 0 {
		return "its client socket"
	}
	return "its socket"
}

// errno is "EACCES (permission denied)".
func (x *examined) errno() string {
	if x.Outcome.Errno == 0 {
		return x.Outcome.Kind.String()
	}
	return x.Outcome.Errno.Name() + " (" + x.Outcome.Errno.Message() + ")"
}
