/// placeholder
public enum SandboxVersion {}
