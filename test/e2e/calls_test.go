// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// requests has the requests of the methods for which the empty one is an error or too much.
var requests = map[protoreflect.FullName]string{
	"noded.v1.JournalService.Read":            `{"lines": "100", "includeCatalog": true}`,
	"noded.v1.JournalService.ListFieldValues": `{"field": "_TRANSPORT"}`,
	"noded.v1.RuntimeService.GetPod":          `{"name": "web-0"}`,
	"noded.v1.LogService.Read":                `{"selector": {"pods": {"names": ["web-0"]}}}`,
}

// endless are the methods whose streams do not end.
var endless = map[protoreflect.FullName]bool{
	"noded.v1.RuntimeService.Watch": true, "noded.v1.StatsService.Watch": true, "noded.v1.StatsService.WatchList": true,
}

// testCalls calls every method of the API through the socket of the packaged daemon. There is a pod with a log.
func testCalls(m machine) {
	conn, err := grpc.NewClient("unix://"+m.Path(socketFile), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute)
	defer cancel()
	methods := 0
	protoregistry.GlobalFiles.RangeFilesByPackage(nodedv1.File_noded_v1_journal_proto.Package(), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				method := file.Services().Get(i).Methods().Get(j)
				methods++
				if n, err := call(ctx, conn, method); err != nil || n == 0 {
					m.t.Errorf("%s: %d messages, %v", method.FullName(), n, err)
				}
			}
		}
		return true
	})
	if methods < 13 {
		m.t.Errorf("the API has %d methods, want at least 13", methods)
	}
}

// call calls a method and returns how many messages came back.
func call(ctx context.Context, conn *grpc.ClientConn, method protoreflect.MethodDescriptor) (int, error) {
	request := dynamicpb.NewMessage(method.Input())
	if text, ok := requests[method.FullName()]; ok {
		if err := protojson.Unmarshal([]byte(text), request); err != nil {
			return 0, err
		}
	}
	full := "/" + string(method.FullName())
	dot := strings.LastIndexByte(full, '.')
	full = full[:dot] + "/" + full[dot+1:]
	if !method.IsStreamingServer() {
		return 1, conn.Invoke(ctx, full, request, dynamicpb.NewMessage(method.Output()))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		if n > 0 && endless[method.FullName()] {
			return n, nil
		}
		err := stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
