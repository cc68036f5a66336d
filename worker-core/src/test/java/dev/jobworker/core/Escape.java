package dev.jobworker.core;

import java.util.EnumSet;
import java.util.Set;

/**
 * Ways in which processes of a job may try to outlive it. Each is a Perl program that tells the pids of those who try in a file, and ends in
 * {@code finish(n)} for n of them.
 */
enum Escape {
    BACKGROUND_CHILD("spawn(sub { close STDOUT; close STDERR }); finish(1)"),
    CHILD_HOLDS_STDOUT("spawn(sub {}); finish(1)"),
    SETSID("spawn(sub { POSIX::setsid() }); finish(1)"),
    SETPGID("spawn(sub { setpgrp }); finish(1)"),
    DAEMON("daemon(sub {}); finish(1)"),
    STOPPED_DAEMON("daemon(sub { ignore() }, 1); finish(1)"),
    STOPPED_CHILD("spawn(sub { POSIX::setsid() }, sub { kill 'STOP', $$ }); finish(1)"),
    THREAD_FORKED_CHILD("require threads; threads->create(sub { spawn(sub {}); rest() })->detach; finish(1)"),
    LEADER_THREAD_EXITED(
            "spawn(sub { require threads; threads->create(\\&rest)->detach }, sub { syscall(nr(60, 93), 0) }); finish(1)"),
    FORK_CHAIN("chain(); finish(1)"),
    BREEDER("""
            spawn(sub { POSIX::setsid() }, sub {
              $SIG{CHLD} = 'IGNORE';
              for (1..100) { my $p = fork; next if $p; POSIX::setsid(); rest() }
            });
            finish(1)"""),
    /** Its parent sleeps in the kernel until it has executed something, and is not even stopped by SIGSTOP. */
    VFORKED_CHILD("if (!fork) { syscall(nr(56, 220), 0x4111, 0, 0, 0, 0) or told(); rest() } finish(1)"),
    /** A child of whose end its parent is not told. */
    CLONE_WITHOUT_SIGNAL("syscall(nr(56, 220), 0, 0, 0, 0, 0) or do { told(); rest() }; finish(1)"),
    /** A child of the shim. */
    CLONED_SIBLING("syscall(nr(56, 220), 0x8011, 0, 0, 0, 0) or do { told(); rest() }; finish(1)"),
    TRACED_CHILD("spawn(sub { syscall(nr(101, 117), 0, 0, 0, 0) and die }, sub { kill 'STOP', $$ }); finish(1)"),
    TRACED_BY_ANOTHER("""
            my $traced = spawn(sub { POSIX::setsid(); tolerate_tracers() });
            sysread $told_r, my $mark, 1;
            spawn(sub { POSIX::setsid(); trace($traced) });
            finish(1)"""),
    OWN_SUBREAPER("spawn(sub { POSIX::setsid(); syscall(nr(157, 167), 36, 1, 0, 0, 0); daemon(sub {}) }); finish(2)"),
    /** Root needs no user namespace for that; where others may not make one, it is just a session. */
    PID_NAMESPACE("""
            if (!fork) {
              syscall(nr(272, 97), $> ? 0x30000000 : 0x20000000);
              spawn(sub { POSIX::setsid() });
              told();
              rest();
            }
            finish(2)"""),
    /** Main and child take no notice of the signals of a stop. */
    IGNORED_SIGNALS("ignore(); spawn(sub { POSIX::setsid() }); finish(1)") {
        @Override
        boolean outlastsTheGracePeriod() {
            return true;
        }
    },
    MAIN_STOPPED("finish(0, sub { kill 'STOP', $$ })") {
        @Override
        Set<Moment> moments() {
            return EnumSet.of(Moment.STOP, Moment.TIMEOUT);
        }
    },
    /** The tracer gets every signal but SIGKILL in its stead; what it does not pass on does not arrive. */
    MAIN_TRACED("my $main = $$; tolerate_tracers(); spawn(sub { POSIX::setsid(); trace($main) }); finish(1)") {
        @Override
        Set<Moment> moments() {
            return EnumSet.of(Moment.STOP, Moment.TIMEOUT);
        }

        @Override
        boolean outlastsTheGracePeriod() {
            return true;
        }
    },
    BREEDS_WHEN_STOPPED("""
            $SIG{TERM} = sub {
              ignore();
              for (1..20) { fork or do { POSIX::setsid(); rest() } }
              POSIX::_exit(7);
            };
            finish(0)""") {
        @Override
        Set<Moment> moments() {
            return EnumSet.complementOf(EnumSet.of(Moment.STOP_AFTER_END));
        }

        @Override
        ExitStatus exitWhenStopped() {
            return new ExitStatus.Code(7);
        }
    };

    /** When the job ends, and why. */
    enum Moment {
        /** The main process is there and is stopped. */
        STOP,
        /** The main process ends by itself when the others are there. */
        END,
        /** The main process has ended by itself, the job waits for the others and is stopped. */
        STOP_AFTER_END,
        /** The main process does not wait for the others. */
        EXIT_AT_ONCE,
        /** The main process runs into the time limit. */
        TIMEOUT
    }

    static final int EXIT_AT_ONCE_CODE = 5;

    private static final String PRELUDE = """
            use POSIX ();
            my ($token, $report, $mode, $gate) = @ARGV;
            pipe(my $told_r, my $told_w) or die;
            sub nr { $_[(POSIX::uname())[4] eq 'aarch64'] }
            sub rest { sleep 1000 while 1 }
            sub ignore { $SIG{$_} = 'IGNORE' for qw(TERM INT HUP QUIT USR1) }
            # Not $$, which knows nothing of clones.
            sub told { open my $f, '>>', $report or die; syswrite $f, readlink('/proc/self') . "\\n"; close $f; syswrite $told_w, '.' }
            sub spawn {
              my ($before, $after) = @_;
              defined(my $p = fork) or die;
              return $p if $p;
              $before->(); told(); $after->() if $after; rest();
            }
            sub daemon {
              my ($before, $stopped) = @_;
              if (my $p = fork) { waitpid $p, 0; return }
              POSIX::setsid();
              POSIX::_exit(0) if fork;
              $before->(); told(); POSIX::close($_) for 0..255;
              kill 'STOP', $$ if $stopped;
              %ENV = ();
              exec {'/bin/sleep'} $token, 1000;
            }
            sub chain {
              return if fork;
              POSIX::setsid(); told();
              $SIG{CHLD} = 'IGNORE';
              # A chain that nobody catches would in the end use up the pids of the machine.
              my $last = time + 60;
              while (1) { POSIX::_exit(0) if time > $last or fork; select undef, undef, undef, 0.0005 }
            }
            sub tolerate_tracers { syscall(nr(157, 167), 0x59616d61, -1, 0, 0, 0) }
            sub trace { syscall(nr(101, 117), 0x4206, $_[0], 0, 0) and die }
            sub finish {
              my ($count, $then) = @_;
              POSIX::_exit(5) if $mode eq 'EXIT_AT_ONCE';
              for (1..$count) { sysread $told_r, my $mark, 1 or die }
              syswrite STDOUT, "ready\\n";
              $then->() if $then;
              if ($mode =~ /END/) { open my $g, '<', $gate or die; <$g>; POSIX::_exit(0) }
              rest();
            }
            """;

    private final String body;

    Escape(String body) {
        this.body = body;
    }

    String program() {
        return PRELUDE + body;
    }

    Set<Moment> moments() {
        return EnumSet.allOf(Moment.class);
    }

    boolean outlastsTheGracePeriod() {
        return false;
    }

    ExitStatus exitWhenStopped() {
        return new ExitStatus.Signaled(outlastsTheGracePeriod() ? Signal.KILL : Signal.TERM, false);
    }
}
