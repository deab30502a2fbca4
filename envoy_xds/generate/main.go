// Writes Envoy's API as one FileDescriptorSet to standard output: every file that imports.go pulls in, dependencies first, without source info.
// The same input gives the same bytes, so that CI can compare.
package main

import (
	"fmt"
	"os"
	"sort"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// collector adds files after what they import, as DescriptorPool.Add wants them.
type collector struct {
	set  descriptorpb.FileDescriptorSet
	seen map[string]bool
}

func (c *collector) add(file protoreflect.FileDescriptor) {
	if c.seen[file.Path()] {
		return
	}
	c.seen[file.Path()] = true
	for i := range file.Imports().Len() {
		c.add(file.Imports().Get(i).FileDescriptor)
	}
	c.set.File = append(c.set.File, protodesc.ToFileDescriptorProto(file))
}

func registered() []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		files = append(files, file)
		return true
	})
	sort.Slice(files, func(i, j int) bool { return files[i].Path() < files[j].Path() })
	return files
}

func run() error {
	collected := collector{seen: map[string]bool{}}
	for _, file := range registered() {
		collected.add(file)
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(&collected.set)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(encoded)
	return err
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "writing the descriptor set:", err)
		os.Exit(1)
	}
}
