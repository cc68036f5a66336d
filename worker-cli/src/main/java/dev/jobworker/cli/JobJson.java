package dev.jobworker.cli;

import dev.jobworker.api.CallerIdentity;
import dev.jobworker.core.Cause;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputInfo;
import dev.jobworker.core.Survivor;
import java.io.StringWriter;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;

/** The one mapping of jobs to JSON: names and values are those of the wire, times RFC 3339, durations "1.5s". Facts that do not exist are left out. */
final class JobJson {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final ObjectWriteContext INDENTED = new ObjectWriteContext.Base() {
        @Override
        public PrettyPrinter getPrettyPrinter() {
            DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
            return new DefaultPrettyPrinter().withObjectIndenter(indenter).withArrayIndenter(indenter);
        }

        @Override
        public boolean hasPrettyPrinter() {
            return true;
        }
    };

    private final JsonGenerator json;

    private JobJson(JsonGenerator json) {
        this.json = json;
    }

    /** Returns one job as one line. */
    static String line(Job job) {
        return write(ObjectWriteContext.empty(), writer -> writer.job(job));
    }

    static String document(Job job) {
        return write(INDENTED, writer -> writer.job(job));
    }

    static String document(List<Job> jobs) {
        return write(INDENTED, writer -> {
            writer.json.writeStartArray();
            jobs.forEach(writer::job);
            writer.json.writeEndArray();
        });
    }

    static String document(CallerIdentity caller, boolean indented) {
        return write(indented ? INDENTED : ObjectWriteContext.empty(), writer -> {
            writer.json.writeStartObject();
            writer.json.writeStringProperty("identity", caller.identity());
            writer.json.writeStringProperty("role", caller.role());
            writer.time("certificateExpireTime", caller.certificateExpireTime());
            writer.json.writeEndObject();
        });
    }

    private interface Content {
        void writeTo(JobJson writer);
    }

    private static String write(ObjectWriteContext context, Content content) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(context, text)) {
            content.writeTo(new JobJson(json));
        }
        return text.append('\n').toString();
    }

    private void job(Job job) {
        json.writeStartObject();
        json.writeStringProperty("jobId", job.id().toString());
        json.writeStringProperty("owner", job.owner());
        json.writeStringProperty("state", job.state().name());
        spec(job.spec());
        time("createTime", job.createTime());
        job.status().started().ifPresent(started -> time("startTime", started));
        switch (job.status()) {
            case JobStatus.Running running -> json.writeNumberProperty("pid", running.pid());
            case JobStatus.Stopping(int pid, Instant _, Cause.Kind cause) -> {
                json.writeNumberProperty("pid", pid);
                cause(new Cause(cause, null, false));
            }
            case JobStatus.Ended ended -> ended(ended);
            case JobStatus.Lost(String evidence, Instant found) -> {
                json.writeStringProperty("error", evidence);
                time("endTime", found);
            }
        }
        output(job.output());
        json.writeEndObject();
    }

    private void spec(JobSpec spec) {
        json.writeObjectPropertyStart("spec");
        strings("argv", spec.argv());
        strings("environmentNames", spec.environment().keySet());
        json.writeStringProperty("workingDir", spec.workingDirectory());
        optional("user", spec.user());
        json.writeObjectPropertyStart("limits");
        spec.limits().forEach((limit, value) -> json.writeNumberProperty(limit.label(), value));
        json.writeEndObject();
        json.writeNumberProperty("umask", spec.umask());
        if (spec.nice() != null) {
            json.writeNumberProperty("nice", spec.nice());
        }
        json.writeBooleanProperty("noNewPrivileges", spec.noNewPrivileges());
        if (spec.timeout() != null) {
            json.writeStringProperty("timeout", Units.text(spec.timeout()));
        }
        json.writeStringProperty("gracePeriod", Units.text(spec.gracePeriod()));
        json.writeObjectPropertyStart("labels");
        spec.labels().forEach(json::writeStringProperty);
        json.writeEndObject();
        json.writeObjectPropertyStart("output");
        if (spec.output().limitBytes() != null) {
            json.writeNumberProperty("limitBytes", spec.output().limitBytes());
        }
        json.writeStringProperty("atLimit", spec.output().atLimit().name());
        json.writeBooleanProperty("merge", spec.output().merge());
        json.writeEndObject();
        json.writeEndObject();
    }

    private void ended(JobStatus.Ended ended) {
        json.writeObjectPropertyStart("exit");
        switch (ended.exit()) {
            case ExitStatus.Code(int code) -> json.writeNumberProperty("code", code);
            case ExitStatus.Signaled(var signal, boolean coreDumped) -> {
                json.writeObjectPropertyStart("signal");
                json.writeNumberProperty("number", signal.number());
                json.writeStringProperty("name", signal.name());
                json.writeEndObject();
                json.writeBooleanProperty("coreDumped", coreDumped);
            }
        }
        json.writeEndObject();
        cause(ended.cause());
        time("endTime", ended.endTime());
        json.writeObjectPropertyStart("usage");
        json.writeStringProperty("userCpu", Units.text(ended.usage().userCpu()));
        json.writeStringProperty("systemCpu", Units.text(ended.usage().systemCpu()));
        json.writeNumberProperty("peakMemoryBytes", ended.usage().peakMemoryBytes());
        json.writeEndObject();
        json.writeArrayPropertyStart("survivors");
        for (Survivor survivor : ended.survivors()) {
            json.writeStartObject();
            json.writeNumberProperty("pid", survivor.pid());
            json.writeNumberProperty("uid", survivor.uid());
            json.writeStringProperty("command", survivor.command());
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private void cause(Cause cause) {
        json.writeObjectPropertyStart("cause");
        json.writeStringProperty("kind", cause.kind().name());
        optional("requestedBy", cause.requestedBy());
        json.writeBooleanProperty("graceExceeded", cause.graceExceeded());
        json.writeEndObject();
    }

    private void output(OutputInfo output) {
        json.writeObjectPropertyStart("output");
        json.writeNumberProperty("combinedBytes", output.combinedBytes());
        json.writeNumberProperty("stdoutBytes", output.stdoutBytes());
        json.writeNumberProperty("stderrBytes", output.stderrBytes());
        json.writeNumberProperty("earliestOffset", output.earliestOffset());
        json.writeNumberProperty("truncatedBytes", output.truncatedBytes());
        json.writeBooleanProperty("complete", output.complete());
        json.writeEndObject();
    }

    private void strings(String name, Iterable<String> values) {
        json.writeArrayPropertyStart(name);
        values.forEach(json::writeString);
        json.writeEndArray();
    }

    private void time(String name, Instant time) {
        json.writeStringProperty(name, time.toString());
    }

    private void optional(String name, @Nullable String value) {
        if (value != null) {
            json.writeStringProperty(name, value);
        }
    }
}
