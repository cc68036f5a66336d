package dev.jobworker.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jobworker.api.v1.JobServiceGrpc;
import dev.jobworker.api.v1.ServerServiceGrpc;
import io.grpc.MethodDescriptor;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class AuthenticatingInterceptorTest {

    @Test
    void everyMethod_hasItsAction() {
        assertEquals(
                Stream.of(JobServiceGrpc.getServiceDescriptor(), ServerServiceGrpc.getServiceDescriptor())
                        .flatMap(service -> service.getMethods().stream())
                        .map(MethodDescriptor::getFullMethodName)
                        .collect(Collectors.toSet()),
                AuthenticatingInterceptor.ACTIONS.keySet());
    }
}
