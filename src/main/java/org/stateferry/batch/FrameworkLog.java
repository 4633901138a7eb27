package org.stateferry.batch;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.pattern.MessageConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.CoreConstants;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.pattern.DynamicConverter;
import ch.qos.logback.core.status.StatusManager;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.context.event.ApplicationEnvironmentPreparedEvent;
import org.springframework.boot.context.logging.LoggingApplicationListener;
import org.springframework.boot.json.JsonWriter;
import org.springframework.boot.logging.logback.ExtendedWhitespaceThrowableProxyConverter;
import org.springframework.boot.logging.structured.StructuredLoggingJsonMembersCustomizer;
import org.springframework.context.ApplicationListener;
import org.springframework.core.Ordered;
import org.springframework.core.env.MapPropertySource;
import org.stateferry.error.ForeignText;
import org.stateferry.home.StateferryHome;

/**
 * Keeps the framework's log in its file, and keeps foreign text in it from doing harm: whoever logs a name or a path, we or
 * the framework, cannot forge a line or steer the terminal of who reads it.
 *
 * <p>When the file cannot be written, because the disk is full for instance, the logging library tells so on standard error,
 * with a stack trace for each line; but what is wrong there is told by our own lines.
 *
 * <p>Nor is it for the framework to tell of each step of each import, and of each that fails with a stack trace: the history
 * has that, and a service tells in its own lines what an operator should know.
 *
 * <p>What is logged on the thread of an import goes into the import's own log as well.
 */
public final class FrameworkLog implements ApplicationListener<ApplicationEnvironmentPreparedEvent>, Ordered {
    /** The settings of a context whose log this is. */
    public static Map<String, Object> settings(StateferryHome home) {
        return Map.of(
                "logging.file.name",
                home.logFile().toString(),
                "logging.structured.json.customizer",
                EscapedMembers.class.getName(),
                "logging.level.org.springframework.batch",
                "ERROR",
                "logging.level.org.springframework.batch.core.step",
                "OFF",
                // Three lines at the first request, from a class that is made then.
                "logging.level.org.springframework.web.servlet.DispatcherServlet",
                "WARN",
                "logging.level.org.apache.catalina.core.ContainerBase",
                "WARN");
    }

    /**
     * Says, before the framework sets up its log, whether that goes to standard output too: not unless the operator says so, or
     * gives a service a form for it. Standard output of a command is for data.
     */
    static final class ConsoleChoice implements ApplicationListener<ApplicationEnvironmentPreparedEvent>, Ordered {
        @Override
        public int getOrder() {
            return LoggingApplicationListener.DEFAULT_ORDER - 1;
        }

        @Override
        public void onApplicationEvent(ApplicationEnvironmentPreparedEvent event) {
            boolean service = event.getSpringApplication().getWebApplicationType() != WebApplicationType.NONE;
            boolean wanted = service && event.getEnvironment().containsProperty("logging.structured.format.console");
            event.getEnvironment()
                    .getPropertySources()
                    .addLast(new MapPropertySource(
                            "console of the log", Map.of("logging.console.enabled", String.valueOf(wanted))));
        }
    }

    /** Directly after the framework has set up its log. */
    @Override
    public int getOrder() {
        return LoggingApplicationListener.DEFAULT_ORDER + 1;
    }

    @Override
    public void onApplicationEvent(ApplicationEnvironmentPreparedEvent event) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
            StatusManager statuses = context.getStatusManager();
            statuses.getCopyOfStatusListenerList().forEach(statuses::remove);
            escapeIn(context);
            Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
            if (root.getAppender(ImportAppender.NAME) == null) {
                ImportAppender imports = new ImportAppender();
                imports.setName(ImportAppender.NAME);
                imports.setContext(context);
                imports.start();
                root.addAppender(imports);
            }
        }
    }

    /** Puts our converters in the place of those that print messages and exceptions, whatever the pattern. */
    private static void escapeIn(LoggerContext context) {
        Map<String, Supplier<? extends DynamicConverter<?>>> rules = new HashMap<>();
        if (context.getObject(CoreConstants.PATTERN_RULE_REGISTRY_FOR_SUPPLIERS) instanceof Map<?, ?> present) {
            present.forEach((word, supplier) -> rules.put((String) word, converter(supplier)));
        }
        for (String word : new String[] {"m", "msg", "message"}) {
            rules.put(word, EscapedMessage::new);
        }
        for (String word :
                new String[] {"ex", "exception", "throwable", "xEx", "xException", "xThrowable", "wex", "wEx"}) {
            rules.put(word, EscapedTrace::new);
        }
        context.putObject(CoreConstants.PATTERN_RULE_REGISTRY_FOR_SUPPLIERS, rules);
        Iterator<Appender<ILoggingEvent>> appenders =
                context.getLogger(Logger.ROOT_LOGGER_NAME).iteratorForAppenders();
        while (appenders.hasNext()) {
            if (appenders.next() instanceof OutputStreamAppender<ILoggingEvent> appender
                    && appender.getEncoder() instanceof LayoutWrappingEncoder<ILoggingEvent> encoder) {
                encoder.stop();
                encoder.start(); // compiles the pattern anew
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Supplier<? extends DynamicConverter<?>> converter(Object supplier) {
        return (Supplier<? extends DynamicConverter<?>>) supplier;
    }

    /** Takes what is logged on the thread of an import into that import's own log. */
    private static final class ImportAppender extends AppenderBase<ILoggingEvent> {
        private static final String NAME = "imports";

        @Override
        protected void append(ILoggingEvent event) {
            ImportNotes notes = ImportNotes.current();
            if (notes != null) {
                notes.add(event.getLevel().toString(), event.getFormattedMessage());
            }
        }
    }

    /** The same for a log that is JSON, where a line end in a trace is harmless. */
    static final class EscapedMembers implements StructuredLoggingJsonMembersCustomizer<ILoggingEvent> {
        @Override
        public void customize(JsonWriter.Members<ILoggingEvent> members) {
            members.applyingValueProcessor(JsonWriter.ValueProcessor.of(String.class, EscapedMembers::escaped));
        }

        private static @Nullable String escaped(@Nullable String text) {
            return text == null
                    ? null
                    : text.lines()
                            .map(line -> line.startsWith("\t")
                                    ? "\t" + ForeignText.escape(line.substring(1))
                                    : ForeignText.escape(line))
                            .collect(Collectors.joining("\n"));
        }
    }

    private static final class EscapedMessage extends MessageConverter {
        @Override
        public String convert(ILoggingEvent event) {
            return ForeignText.escape(super.convert(event));
        }
    }

    /** What an exception says can have line ends too; every line after the first is set in, as those of a trace are. */
    private static final class EscapedTrace extends ExtendedWhitespaceThrowableProxyConverter {
        @Override
        protected String throwableProxyToString(IThrowableProxy throwable) {
            return super.throwableProxyToString(throwable)
                    .lines()
                    .map(line -> line.isEmpty() || line.startsWith("\t") ? line : "  " + line)
                    .map(line -> line.startsWith("\t")
                            ? "\t" + ForeignText.escape(line.substring(1))
                            : ForeignText.escape(line))
                    .collect(Collectors.joining("\n", "", "\n"));
        }
    }
}
