package report

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

// remedyWords is a remedy in a sentence, and what to paste.
func remedyWords(r kube.Remedy) (words string, paste []string) {
	field := "spec." + r.Direction.String()
	switch {
	case r.Widen > 0:
		words = fmt.Sprintf("%s rule %d of %s has the peer, and not the port: add to its ports%s", r.Direction, r.Widen, r.Object, at(r.Pos))
		paste = portsYAML(r.Rule)
	case r.Policy != nil && r.Rule != nil:
		words = fmt.Sprintf("add to %s of %s%s", field, r.Object, at(r.Pos))
		paste = ruleYAML(r.Rule, r.Direction)
	case r.Rule != nil:
		words = "add a NetworkPolicy to namespace " + r.Namespace
		paste = policyYAML(r)
	case r.Object != "":
		return r.Object + at(r.Pos) + ": " + r.Words, nil
	default:
		return r.Words, nil
	}
	if r.Words != "" {
		words += " (" + r.Words + ")"
	}
	return words, paste
}

// remedies writes what to do about denied decisions, each once.
func (p *checkPrinter) remedies(leaves []*kube.Decision) {
	var done []string
	for _, d := range leaves {
		for _, r := range d.Remedies {
			words, paste := remedyWords(r)
			text := words + "\x00" + strings.Join(paste, "\n")
			if slices.Contains(done, text) {
				continue
			}
			if len(done) == near && !p.o.Verbose {
				return
			}
			if done = append(done, text); len(done) == 1 {
				p.section("what to do")
			}
			end := ""
			if paste != nil {
				end = ":"
			}
			p.item(words+end, "")
			for _, line := range paste {
				p.line("      " + printable(line))
			}
		}
	}
}

func policyYAML(r kube.Remedy) []string {
	types := strings.ToUpper(r.Direction.String()[:1]) + r.Direction.String()[1:]
	lines := []string{
		"apiVersion: networking.k8s.io/v1",
		"kind: NetworkPolicy",
		"metadata: {name: " + policyName(r) + ", namespace: " + r.Namespace + "}",
		"spec:",
		"  podSelector: " + labelsYAML(r.Selector),
		"  policyTypes: [" + types + "]",
		"  " + r.Direction.String() + ":",
	}
	for _, l := range ruleYAML(r.Rule, r.Direction) {
		lines = append(lines, "  "+l)
	}
	return lines
}

// policyName is a name for a new policy: from the label that names an app, where there is one.
func policyName(r kube.Remedy) string {
	name := "these-pods"
	for _, k := range []string{"app.kubernetes.io/name", "app", "k8s-app", "name"} {
		if v := r.Selector[k]; v != "" {
			name = strings.ToLower(strings.ReplaceAll(v, "_", "-"))
			break
		}
	}
	if r.Direction == kube.Egress {
		return "allow-from-" + name
	}
	return "allow-to-" + name
}

func ruleYAML(r *kube.NetworkPolicyRule, d kube.Direction) []string {
	first := "- to:"
	if d == kube.Ingress {
		first = "- from:"
	}
	lines := []string{first}
	for _, p := range r.Peers {
		if b := p.IPBlock; b != nil {
			s := "  - ipBlock: {cidr: " + quoted(b.CIDR.String())
			var except []string
			for _, x := range b.Except {
				except = append(except, quoted(x.CIDR.String()))
			}
			if len(except) > 0 {
				s += ", except: [" + strings.Join(except, ", ") + "]"
			}
			lines = append(lines, s+"}")
			continue
		}
		bullet := "  - "
		if p.NamespaceSelector != nil {
			lines = append(lines, bullet+"namespaceSelector: "+selectorYAML(p.NamespaceSelector))
			bullet = "    "
		}
		if p.PodSelector != nil {
			lines = append(lines, bullet+"podSelector: "+selectorYAML(p.PodSelector))
		}
	}
	lines = append(lines, "  ports:")
	for _, l := range portsYAML(r) {
		lines = append(lines, "  "+l)
	}
	return lines
}

func portsYAML(r *kube.NetworkPolicyRule) []string {
	var lines []string
	for _, p := range r.Ports {
		lines = append(lines, fmt.Sprintf("- {protocol: %v, port: %d}", p.Protocol, p.Port.Number))
	}
	return lines
}

// selectorYAML is a selector that a remedy has: labels with one value each.
func selectorYAML(s *kube.LabelSelector) string {
	labels := kube.Labels{}
	for _, r := range s.Requirements {
		labels[r.Key] = r.Values[0]
	}
	return labelsYAML(labels)
}

func labelsYAML(l kube.Labels) string {
	if len(l) == 0 {
		return "{}"
	}
	var list []string
	for k, v := range l {
		list = append(list, k+": "+quoted(v))
	}
	sort.Strings(list)
	return "{matchLabels: {" + strings.Join(list, ", ") + "}}"
}

// quoted is a value as a YAML flow mapping takes it: a string that would read as something else is quoted.
func quoted(s string) string {
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == ""
	if strings.Trim(s, "0123456789-_.+xXoOabcdefABCDEF") == "" || !plain {
		return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return `"` + s + `"`
	}
	return s
}
