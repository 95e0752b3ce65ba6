// Package kube reads Kubernetes and OpenShift objects as they are, in files or as kubectl writes them, into a model of
// a cluster: its workloads, its services, and the policies that decide what its sockets may reach.
//
//	cluster, problems := kube.Read(kube.Paths("manifests/", "cluster.json")...)
//
// What it promises: reading is strict, and nothing is ignored in silence. What is not known is named with file and line,
// and an object with an error is marked ([Meta.Broken]), so that no verdict is made from half an object. The model keeps the
// corners of the API, where they change what a policy means: a list that is absent is nil, one that is empty is not. Every
// object, rule, peer and port knows where it stands ([Pos]).
//
// The structures are its own. Those of k8s.io/api import package net and half of apimachinery, cost several
// milliseconds of every start, keep no lines, and don't tell what is absent from what is empty.
//
// An [Evaluator] decides by them: [Evaluator.Decide] one connection, with the chain of what was considered; [Evaluator.Matrix],
// [Evaluator.Egress] and [Evaluator.Profile] all at once; [Evaluator.SourceSeen], [Evaluator.ProxyUse] and [Evaluator.Bind] what else the
// objects say of a workload's sockets. What they don't tell is undecidable, with the field that stopped it. docs/policies.md says
// what each format means.
//
// What it leaves to others: fetching objects from a cluster. It opens files, never a socket.
package kube
