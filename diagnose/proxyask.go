package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// maxAsked is how many questions proxies are asked at the end of a run.
const maxAsked = 4

// nobody is a name that nobody can have, RFC 6761 section 6.4: who asks a proxy for it asks about the proxy alone.
const nobody = "sallyport.invalid:443"

// askProxies asks the proxies of a program that failed what the program will have asked them, where that was not heard: for what its command
// line names. Where it names nothing, or the program may have had a user of its own, what they say is no more than a note.
func (v *Investigation) askProxies(ctx context.Context, rec *record, folded *folder, used []*made) {
	if v.trier == nil || v.options.NoCounterfactuals || !v.ended || v.status == 0 {
		return
	}
	asked := make(map[string]bool)
	for _, m := range used {
		p := v.dials.settingsOf(m).proxyAt(m.Attempt, true)
		if p.Scheme != "http" && !p.socks() || slices.ContainsFunc(folded.findings, func(f Finding) bool { return f.PID == m.pid() }) {
			continue
		}
		ask := askOf(m, p)
		key := fmt.Sprint(m.process, p.Host, ask)
		if asked[key] || len(asked) == maxAsked || !v.is(ctx, p, m.Destination) {
			continue
		}
		asked[key] = true
		limit, cancel := context.WithTimeout(ctx, v.options.Timeout)
		answer, err := v.askProxy(limit, m.pid(), p, unmap(m.Destination), ask)
		cancel()
		cause := proxyCauses[answer.Kind]
		if err != nil || cause == "" || ask.Target == nobody && answer.Kind != proxy.WantsUser {
			continue
		}
		x := v.used(m, rec, &proxyTalk{proxy: p, ask: ask, targets: []string{ask.Target}, asked: true})
		x.asked.ask.Answer = answer
		if p.user != "" {
			x.asked.ask.Offered = "Basic"
		}
		if answer.Kind == proxy.WantsUser && (ask.Target == nobody || !knownUser(x.client(), m.life.Process.Command)) {
			folded.note(m.note(NoteProxy, fmt.Sprintf("%s connected to its proxy %s and failed; asked by sallyport, that proxy lets nobody through without a user (%s), and %s names %s",
				x.who(), p.Host, answer.Words, p.where(), userNamed(p))))
			continue
		}
		if ask.Target != nobody {
			v.tryDirectly(ctx, x)
		}
		folded.findings = append(folded.findings, x.findingOf(cause))
	}
}

func userNamed(p *Proxy) string {
	if p.user == "" {
		return "none"
	}
	return "one that it does not accept"
}

// is reports whether an address is the proxy's.
func (v *Investigation) is(ctx context.Context, p *Proxy, to netip.AddrPort) bool {
	if p.at(attempt.Attempt{Destination: to}) {
		return true
	}
	limit, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	addrs, err := resolveAll(limit, p.Host)
	return err == nil && slices.Contains(addrs, unmap(to))
}

// askOf is what a program will have asked its proxy for: what the first URL of its command line names, else nobody.
func askOf(m *made, p *Proxy) proxy.Ask {
	for i, arg := range m.life.Process.Command {
		if i > 0 && proxyFlags[m.life.Process.Command[i-1]] != "" {
			continue
		}
		u, err := url.Parse(arg)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		target := proxy.JoinHostPort(strings.ToLower(u.Hostname()), port)
		if target == p.Host {
			continue
		}
		if u.Scheme == "http" && !p.socks() {
			return proxy.Ask{Method: "HEAD", Target: target} // of the root: what the URL leads to may not be asked for twice
		}
		return proxy.Ask{Method: "CONNECT", Target: target}
	}
	return proxy.Ask{Method: "CONNECT", Target: nobody}
}

// knownUser reports whether a client has no user for its proxy but that of its environment and its command line, as far as these can be read.
func knownUser(c client, command []string) bool {
	for _, arg := range command {
		for _, option := range []string{"-U", "--proxy-user", "-K", "--config", "-n", "--netrc", "--proxy-negotiate", "--proxy-ntlm"} {
			if name, _, _ := strings.Cut(arg, "="); name == option {
				return false
			}
		}
	}
	return c == clientCurl || c == clientWget
}
