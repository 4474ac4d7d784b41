/// Simplified Chinese of phrases that are filled with values: `english | translation`, a line each. They are looked up as they stand and never
/// matched, so short ones are safe here.
enum ChinesePhrases {
    static let text = """
        # add sheet
        [ Enter  add {} ] | [ Enter  添加 {} ]
        keep paths below {} | 保留 {} 以下的路径
        as the remote has it: {w} | 按远端配置：{}
        {} there already | 已有 {} 个
        {} same there | {} 个相同
        {} there with another size | {} 个大小不同
        not counted: {} | 未统计：{}
        {} objects | {} 个对象
        about {} at {} | 约 {}（{}）
        about {} | 约 {}
        {} with the name of another | {} 个重名
        {} unreadable | {} 个无法读取
        {} cannot be queued | {} 个无法加入
        {} left out | {} 个略过
        token {} | 凭证 {}
        # browse
        {} has no objects here. | {} 下没有对象。
        Could not list: {} R tries again. | 无法列出：{} R 重试。
        Could not list: {} | 无法列出：{}
        as of {}: {} | 截至 {}：{}
        Listing… {} so far | 正在列出… 已有 {}
        filter: {} | 筛选：{}
        sorted by {} | 排序 {}
        {} marked {} | 已标记 {} 个，{}
        {} marked | 已标记 {} 个
        {} here | {} 项
        {} hidden | {} 项隐藏
        {} remotes | {} 个远端
        {} prefixes | {} 个前缀
        listed {} | 列于 {}
        a adds {} pasted paths | a 添加 {} 个粘贴的路径
        {} new | {} 个新
        {} same | {} 个相同
        {} differs | {} 个不同
        {} differ | {} 个不同
        {} bytes | {} 字节
        # detail and inspector
        prio {w} | 优先级 {}
        {} now | 现在 {}
        {} avg | 平均 {}
        ETA {} | 剩余 {}
        tries again in {} | {} 后重试
        held: {w} | 等待：{}
        resent {} | 重发 {}
        in {} retries | 重试 {} 次
        {} retries | 重试 {} 次
        {} ago | {} 前
        token {} left, enough | 凭证剩 {}，足够
        token {} left, ends before this upload | 凭证剩 {}，不够此上传
        no token: {} | 没有凭证：{}
        verify: {w} | 校验：{}
        verify: {} {w} | 校验：{} {}
        parts {} done  {} active  {} to do  of {} | 分片：完成 {}  进行 {}  未做 {}  共 {}
        {} stored, size unknown | 已存 {}，大小未知
        {} stored | 已存 {}
        {} stored  {} sending  2-9 sending again (try)  ! failed  {} to do | {} 已存  {} 发送中  2-9 重发（次数）  ! 失败  {} 未做
        cell = {} parts | 每格 = {} 个分片
        at {} | 于 {}
        part {} | 分片 {}
        request {} | 请求 {}
        remote {} | 远端 {}
        id {} | 编号 {}
        {} on 1 part | {}，1 个分片
        {} on {} parts | {}，{} 个分片
        {}, {} parts | {}，{} 个分片
        {} ({} bytes) | {}（{} 字节）
        # log and history
        held at {}, {} new, F follows | 停在 {}，新 {} 行，F 跟随
        held, {} new, F follows | 已停，新 {} 行，F 跟随
        level {w} and up | {} 及以上
        {} lines | {} 行
        since {} | 自 {}
        {} found | 找到 {}
        avg {} | 平均 {}
        {} {w} | {} {}
        # header
        OSS UNREACHABLE{} ({}: {}) | OSS 无法连接{}（{}：{}）
        next try {} | {} 后重试
        TOKEN ENDS {} | 凭证将尽 {}
        {} avg 5m | 5 分钟平均 {}
        limit {w} | 限速 {}
        {} of {} objects | {}/{} 个对象
        +{} directories still scanning | +{} 个目录仍在扫描
        +{} unknown | +{} 个未知
        about {} | 约 {}
        # dialogs and toasts
        {} more | 另有 {}
        {} other front ends are attached too. | 另有 {} 个前端也已连接。
        Help: {w} | 帮助：{}
        """
}
